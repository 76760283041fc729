//! AWS CloudTrail: records as the service delivers them, many in one JSON object.

use super::clock;
use super::files::Frame;
use super::json::Object;
use super::random::Random;
use super::world::{CLOUD, Tenant};

/// The account of the web company.
const ACCOUNT: &str = "111122223333";

/// `{"Records":[…]}`.
pub(super) fn frame() -> Frame {
    Frame {
        head: "{\"Records\":[".to_owned(),
        between: ",",
        tail: "]}".to_owned(),
    }
}

/// Who called.
#[derive(Debug)]
pub(super) enum Caller<'a> {
    /// The account itself.
    Root,
    /// A person or technical user.
    Person(&'a str),
    /// A role of a machine.
    Role(&'a str),
    /// A service of AWS.
    Service(&'a str),
}

/// A call.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub by: Caller<'a>,
    pub source: &'a str,
    pub action: &'a str,
    pub read_only: bool,
    pub from: &'a str,
    pub agent: &'a str,
    /// JSON text.
    pub request: &'a str,
    /// JSON text.
    pub response: &'a str,
    /// Whether a second factor was used; only for console logons.
    pub second_factor: Option<bool>,
}

/// The record of a call. CloudTrail knows whole seconds.
pub(super) fn record(random: &mut Random, time: i64, call: &Call<'_>) -> String {
    let at = clock::format(time, "%Y-%m-%dT%H:%M:%SZ");
    let object = Object::new().str("eventVersion", "1.11").open("userIdentity");
    let object = match call.by {
        Caller::Root => object
            .str("type", "Root")
            .str("principalId", ACCOUNT)
            .str("arn", &format!("arn:aws:iam::{ACCOUNT}:root"))
            .str("accountId", ACCOUNT),
        Caller::Person(name) => object
            .str("type", "IAMUser")
            .str("principalId", &format!("AIDAEXAMPLE{}", name.to_uppercase()))
            .str("arn", &format!("arn:aws:iam::{ACCOUNT}:user/{name}"))
            .str("accountId", ACCOUNT)
            .str("accessKeyId", "AKIAIOSFODNN7EXAMPLE")
            .str("userName", name),
        Caller::Role(name) => object
            .str("type", "AssumedRole")
            .str(
                "principalId",
                &format!("AROAEXAMPLE{}:i-0a1b2c3d4e5f67890", name.to_uppercase()),
            )
            .str(
                "arn",
                &format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/i-0a1b2c3d4e5f67890"),
            )
            .str("accountId", ACCOUNT)
            .str("accessKeyId", "ASIAIOSFODNN7EXAMPLE")
            .open("sessionContext")
            .open("sessionIssuer")
            .str("type", "Role")
            .str("arn", &format!("arn:aws:iam::{ACCOUNT}:role/{name}"))
            .str("userName", name)
            .close()
            .open("attributes")
            .str("mfaAuthenticated", "false")
            .close()
            .close(),
        Caller::Service(name) => object.str("type", "AWSService").str("invokedBy", name),
    };
    let console = call.action == "ConsoleLogin";
    let object = object
        .close()
        .str("eventTime", &at)
        .str("eventSource", call.source)
        .str("eventName", call.action)
        .str("awsRegion", "eu-central-1")
        .str("sourceIPAddress", call.from)
        .str("userAgent", call.agent)
        .raw("requestParameters", call.request)
        .raw("responseElements", call.response)
        .str("requestID", &random.uuid())
        .str("eventID", &random.uuid())
        .raw("readOnly", call.read_only)
        .str(
            "eventType",
            if console { "AwsConsoleSignIn" } else { "AwsApiCall" },
        )
        .raw("managementEvent", true)
        .str("recipientAccountId", ACCOUNT)
        .str("eventCategory", "Management");
    match call.second_factor {
        Some(used) => object
            .open("additionalEventData")
            .str("LoginTo", "https://console.aws.amazon.com/console/home")
            .str("MobileVersion", "No")
            .str("MFAUsed", if used { "Yes" } else { "No" })
            .close()
            .end(),
        None => object.end(),
    }
}

/// An ordinary record.
pub(super) fn cloudtrail(tenant: &Tenant, random: &mut Random, time: i64) -> String {
    let person = random.usual(&tenant.users[..8]).name.clone();
    if random.chance(1) {
        return record(
            random,
            time,
            &Call {
                by: Caller::Person(&person),
                source: "signin.amazonaws.com",
                action: "ConsoleLogin",
                read_only: false,
                from: "203.0.113.10",
                agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
                request: "null",
                response: "{\"ConsoleLogin\":\"Success\"}",
                second_factor: Some(true),
            },
        );
    }
    let call = random.usual(&CLOUD);
    let request = call.request.to_string();
    let role = *random.pick(&["eks-node", "ci-deploy", "backup", "autoscaler"]);
    let (by, from, agent) = match call.by.as_str() {
        "service" => (
            Caller::Service("ec2.amazonaws.com"),
            "ec2.amazonaws.com".to_owned(),
            "ec2.amazonaws.com",
        ),
        "role" => (
            Caller::Role(role),
            format!("10.40.1.{}", random.between(10, 19)),
            "aws-sdk-go-v2/1.32.6 ua/2.1 os/linux lang/go#1.23.4 md/GOARCH#amd64",
        ),
        _ => (
            Caller::Person(&person),
            "203.0.113.10".to_owned(),
            "aws-cli/2.22.4 md/awscrt#0.23.4 ua/2.0 os/windows",
        ),
    };
    record(
        random,
        time,
        &Call {
            by,
            source: &call.source,
            action: &call.action,
            read_only: call.read_only,
            from: &from,
            agent,
            request: &request,
            response: "null",
            second_factor: None,
        },
    )
}
