use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::super::read::load;
use super::*;

/// A server of one answer, which may be changed; ends with the test.
struct Server {
    port: u16,
    answer: Arc<Mutex<Vec<u8>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(answer: &str) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let server = Server {
            port,
            answer: Arc::new(Mutex::new(answer.as_bytes().to_vec())),
            asked: Arc::default(),
        };
        let (answer, asked) = (server.answer.clone(), server.asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let head = head_of(&stream);
                asked.lock().expect("no panic").push(head);
                let answer = answer.lock().expect("no panic").clone();
                let _ = (&stream).write_all(&answer);
            }
        });
        server
    }

    fn says(&self, answer: impl AsRef<[u8]>) {
        *self.answer.lock().expect("no panic") = answer.as_ref().to_vec();
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn last_asked(&self) -> String {
        self.asked
            .lock()
            .expect("no panic")
            .last()
            .cloned()
            .unwrap_or_default()
    }
}

fn head_of(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    lines.join("\n").to_lowercase()
}

fn list(headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

fn error_of(fetched: Result<Fetched, FetchError>) -> String {
    match fetched {
        Err(error) | Ok(Fetched::Kept(_, error)) => error.to_string(),
        Ok(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_list_is_fetched_once_and_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(&list("ETag: \"one\"\r\n", "192.0.2.1\n"));
    let fetcher = Fetcher::new(folder.path()).unwrap();
    let url = server.url("/feeds/bad%20hosts.txt?key=secret");
    let Ok(Fetched::New(file)) = fetcher.fetch(&url) else {
        panic!("nothing came");
    };
    assert_eq!(fs::read_to_string(&file).unwrap(), "192.0.2.1\n");
    assert_eq!(load([&file]).files[0].list, "bad20hosts");
    assert!(
        server
            .last_asked()
            .contains("get /feeds/bad%20hosts.txt?key=secret")
    );
    assert!(!server.last_asked().contains("if-none-match"));

    server.says("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
    assert!(matches!(fetcher.fetch(&url), Ok(Fetched::Same(_))));
    assert!(server.last_asked().contains("if-none-match: \"one\""));

    // What is remembered is in the folder, not in the process.
    let fetcher = Fetcher::new(folder.path()).unwrap();
    server.says(list("ETag: \"two\"\r\n", "192.0.2.2\n"));
    assert!(matches!(fetcher.fetch(&url), Ok(Fetched::New(_))));
    assert!(server.last_asked().contains("if-none-match: \"one\""));
    assert_eq!(fs::read_to_string(&file).unwrap(), "192.0.2.2\n");
}

#[test]
fn what_is_no_list_leaves_the_copy_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n");
    let mut fetcher = Fetcher::new(folder.path()).unwrap();
    fetcher.longest = 1000;
    let url = format!("http://user:pass@127.0.0.1:{}/l.csv?key=secret", server.port);
    // Without a copy there is nothing to go on with.
    let error = fetcher.fetch(&url).expect_err("no copy").to_string();
    assert!(error.contains("503"), "{error}");
    assert!(!error.contains("secret") && !error.contains("pass@"), "{error}");
    server.says(list("", "ip\n192.0.2.1\n"));
    assert!(matches!(fetcher.fetch(&url), Ok(Fetched::New(_))));
    let bad = [
        ("HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\n".to_owned(), "500"),
        (
            list("", "<html><body>We are sorry</body></html>"),
            "hardly an indicator",
        ),
        (
            list("", "Too many requests from you.\nSlow down, please.\n8.8.8.8\n"),
            "hardly an indicator",
        ),
        (list("", ""), "hardly an indicator"),
        (
            "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_owned(),
            "304",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 500\r\nConnection: close\r\n\r\nip\n192.0.2.9\n".to_owned(),
            "cannot fetch",
        ),
        (list("", &"192.0.2.9\n".repeat(200)), "longer than 1000"),
        (
            "HTTP/1.1 302 Found\r\nLocation: /again\r\nConnection: close\r\n\r\n".to_owned(),
            "redirect",
        ),
        ("no HTTP at all\r\n\r\n".to_owned(), "cannot fetch"),
    ];
    for (answer, says) in bad {
        server.says(&answer);
        let fetched = fetcher.fetch(&url);
        let copy = fetched
            .as_ref()
            .map(|fetched| fs::read_to_string(fetched.file()).unwrap());
        assert_eq!(copy.unwrap(), "ip\n192.0.2.1\n", "{answer}");
        let error = error_of(fetched);
        assert!(error.contains(says), "{error}");
        assert!(!error.contains("secret") && !error.contains("pass@"), "{error}");
    }
    let left = fs::read_dir(folder.path())
        .unwrap()
        .flatten()
        .flat_map(|entry| fs::read_dir(entry.path()).unwrap().flatten());
    let mut left: Vec<String> = left
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    assert_eq!(left, ["answer.json", "l.csv"]);
}

#[test]
fn what_unpacks_to_more_than_a_list_may_have_leaves_the_copy_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let packed = |body: &str| {
        let body = zstd::encode_all(body.as_bytes(), 1).unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), &body].concat()
    };
    let server = Server::new("");
    let mut fetcher = Fetcher::new(folder.path()).unwrap();
    fetcher.longest = 100_000;
    let url = server.url("/feeds/bad.txt.zst");
    server.says(packed("192.0.2.1\n"));
    assert!(matches!(fetcher.fetch(&url), Ok(Fetched::New(_))));
    server.says(packed(&"192.0.2.2\n".repeat(10_001)));
    let fetched = fetcher.fetch(&url);
    let copy = fetched.as_ref().map(|fetched| load([fetched.file()])).unwrap();
    assert_eq!(copy.set.indicators().next().unwrap().value(), "192.0.2.1");
    let error = error_of(fetched);
    assert!(error.contains("/feeds/bad.txt.zst is no list"), "{error}");
    assert!(error.contains("longer than 100000 bytes unpacked"), "{error}");
    server.says(packed(&"192.0.2.2\n".repeat(10_000)));
    assert!(matches!(fetcher.fetch(&url), Ok(Fetched::New(_))));
}

#[test]
fn names_and_urls_are_made_harmless() {
    let name = |url: &str| file_name(&Url::parse(url).unwrap());
    assert_eq!(name("https://feeds.example/a/b.csv"), "b.csv");
    assert_eq!(name("https://feeds.example/"), "feeds.example");
    assert_eq!(
        name("https://feeds.example:8443/csv/recent/"),
        "feeds.example-csv-recent"
    );
    assert_eq!(name("https://feeds.example/a/..%2f..%2fpasswd"), "2f..2fpasswd");
    assert_eq!(name("https://feeds.example/answer.json"), "answer-list.json");
    assert_eq!(
        shown(&Url::parse("https://u:p@x.example/l?k=1#z").unwrap()),
        "https://x.example/l?…"
    );
    assert!(Fetcher::is_url(Path::new("HTTPS://x.example/l")));
    assert!(!Fetcher::is_url(Path::new("lists/https")));
    let folder = tempfile::tempdir().unwrap();
    let fetcher = Fetcher::new(folder.path()).unwrap();
    for url in [
        "https://u:p@/l?k=secret",
        "https://u:secr#et@x.example/",
        "ftp://x.example/l",
    ] {
        let error = fetcher.fetch(url).expect_err(url).to_string();
        assert!(
            error.contains("no URL of a list") && !error.contains("secr"),
            "{error}"
        );
    }
}
