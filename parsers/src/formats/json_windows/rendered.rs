//! Events as PowerShell's `Get-WinEvent` has them, through `ConvertTo-Json`.

use super::plain::created_time;
use super::{FrameContext, dump, shipped_time};
use crate::batch::BatchBuilder;
use crate::formats::json::write_at;
use crate::formats::tape::Json;

/// Properties of PowerShell's event objects and the names that they have in the event.
const RENDERED_NAMES: &[(&str, &str)] = &[
    ("Id", "System_EventID"),
    ("LogName", "System_Channel"),
    ("ProviderName", "System_Provider_Name"),
    ("ProviderId", "Provider_Guid"),
    ("MachineName", "System_Computer"),
    ("RecordId", "EventRecordID"),
    ("ProcessId", "Execution_ProcessID"),
    ("ThreadId", "Execution_ThreadID"),
    ("UserId", "Security_UserID"),
    ("ActivityId", "Correlation_ActivityID"),
    ("RelatedActivityId", "Correlation_RelatedActivityID"),
    ("Qualifiers", "EventID_Qualifiers"),
    ("Message", "message"),
];

/// Writes the event; its time comes back.
pub(super) fn write(
    json: Json<'_>,
    builder: &mut BatchBuilder,
    path: &mut String,
    context: &FrameContext<'_>,
) -> Option<i64> {
    let mut time = None;
    for (key, value) in json.members() {
        match key {
            // Newer versions write an object with the time in it.
            "TimeCreated" => time = created_time(value.get("value").unwrap_or(value), context),
            "Properties" if value.is_array() => dump::write_data_elements(value, builder),
            _ => {
                let name = RENDERED_NAMES.iter().find(|(rendered, _)| *rendered == key);
                path.push_str(name.map_or(dump::system_name(key), |(_, name)| name));
                // `UserId` is an object around the SID.
                let value = value.get("Value").unwrap_or(value);
                write_at(value, builder, path, 0);
                path.clear();
            }
        }
    }
    time.or_else(|| shipped_time(json, builder, context))
}
