//! A receiver that keeps what comes over the wire, byte for byte, and answers 200. It is made of
//! a socket alone, so that nothing between the wire and the test can mend a fault.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// How long a test waits for deliveries that do not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Captured {
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// The receiver. It ends with the runtime that it was started on.
pub(crate) struct Capture {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Captured>>,
    came: Notify,
}

impl Capture {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let for_connections = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&for_connections);
                tokio::spawn(async move { shared.serve(stream).await });
            }
        });
        Self { url, shared }
    }

    /// What came so far for which `fits` holds.
    pub(crate) fn requests(&self, fits: impl Fn(&Captured) -> bool) -> Vec<Captured> {
        let requests = self.shared.requests.lock().unwrap();
        requests
            .iter()
            .filter(|request| fits(request))
            .cloned()
            .collect()
    }

    /// Waits until `number` requests came for which `fits` holds, and answers them.
    pub(crate) async fn wait_for(
        &self,
        number: usize,
        fits: impl Fn(&Captured) -> bool,
    ) -> Vec<Captured> {
        let enough = async {
            loop {
                let came = self.shared.came.notified();
                let found = self.requests(&fits);
                if found.len() >= number {
                    return found;
                }
                came.await;
            }
        };
        match tokio::time::timeout(PATIENCE, enough).await {
            Ok(found) => found,
            Err(_) => panic!("{} of {number} requests came", self.requests(&fits).len()),
        }
    }
}

impl Shared {
    /// Takes requests off one connection until it ends or is no HTTP.
    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some(request) = read(&mut stream).await? {
            self.requests.lock().unwrap().push(request);
            self.came.notify_waiters();
            stream
                .get_mut()
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .await?;
        }
        Ok(())
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Captured>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    // A body in chunks has no length here: it would be kept as empty and the test would fail.
    let length = headers
        .get("content-length")
        .and_then(|value| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    Ok(Some(Captured {
        path,
        headers,
        body,
    }))
}
