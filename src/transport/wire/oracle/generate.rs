//! Random answers: of every kind that receivers send, right and wrong, whole and cut, in any
//! pieces.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::script::{End, Script};
use crate::transport::wire::answer::EXCERPT;

const STATUSES: &[u16] = &[
    200, 200, 200, 200, 201, 202, 204, 205, 206, 226, 301, 304, 400, 401, 404, 410, 413, 429, 500,
    502, 503, 599, 600, 999,
];
const REASONS: &[&str] = &[" OK", "", " ", " Not \u{e9}", " a  b"];
const FIELDS: &[&str] = &[
    "Date: Sun, 29 Nov 2026 12:00:00 GMT",
    "Content-Type: text/html; charset=utf-8",
    "Set-Cookie: a=b; path=/",
    "Set-Cookie: c=d",
    "X-Empty:",
    "X-Space : 1",
    "X-Folded: one{n} two{n}\tthree",
    "X-Folded-Late:{n} four",
    "X-High: \u{e9}\u{fc}",
    "X-List: a, b,,c",
    "Connection: close",
    "Connection: keep-alive",
    "connection: Keep-Alive, X-Own",
    "Connection: keep-alive, CLOSE",
    "Connection: upgrade",
    "Upgrade: websocket",
    "Keep-Alive: timeout=5, max=100",
    "Keep-Alive: timeout=0",
    "Retry-After: 120",
    "Trailer: X-Sum",
    "Expect: 100-continue",
];
const BAD_LENGTHS: &[&str] = &[
    "-1",
    "+2",
    "2 2",
    "0x2",
    "two",
    "",
    "2,",
    "99999999999999999999",
];
const BODIES: &[&str] = &[
    "",
    "ok",
    "{\"received\":true}",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "0\r\n\r\n",
    "\r\n",
];
const SURPLUS: &[&str] = &[
    "x",
    "\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "0\r\n\r\n",
];

/// The answer of a seed.
pub(super) fn script(seed: u64) -> Script {
    let mut rng = StdRng::seed_from_u64(seed);
    let rng = &mut rng;
    let mut bytes = Vec::new();
    let interim = match rng.random_range(0..40) {
        0..32 => 0,
        32..39 => rng.random_range(1..4),
        _ => rng.random_range(15..19),
    };
    for _ in 0..interim {
        let status = *[100, 102, 103, 103, 199].choose(rng).unwrap();
        head(rng, &mut bytes, status, None);
    }
    let body = body(rng);
    let status = match rng.random_range(0..100) {
        0 => 101,
        1 => *[0, 7, 99, 100].choose(rng).unwrap(),
        _ => *STATUSES.choose(rng).unwrap(),
    };
    framed(rng, &mut bytes, status, &body);
    if rng.random_ratio(1, 12) {
        bytes.extend_from_slice(SURPLUS.choose(rng).unwrap().as_bytes());
    }
    if rng.random_ratio(1, 8) {
        damage(rng, &mut bytes);
    }
    if rng.random_ratio(3, 10) {
        bytes.truncate(rng.random_range(0..=bytes.len()));
    }
    let end = *[End::Open, End::Open, End::Closed, End::Closed, End::Reset]
        .choose(rng)
        .unwrap();
    let most = *[1, 3, 20, usize::MAX, usize::MAX].choose(rng).unwrap();
    let mut pieces = Vec::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let length = rng.random_range(1..=most.min(rest.len()));
        // What is long comes in few pieces, so that a million answers can be read.
        let length = if rest.len() > 2_000 {
            length.max(rest.len() / 8)
        } else {
            length
        };
        let (piece, more) = rest.split_at(if most == usize::MAX && rng.random_bool(0.5) {
            rest.len()
        } else {
            length
        });
        pieces.push(piece.to_vec());
        rest = more;
    }
    Script { pieces, end }
}

fn body(rng: &mut StdRng) -> Vec<u8> {
    match rng.random_range(0..400) {
        0 => vec![b'x'; rng.random_range(EXCERPT - 2..EXCERPT + 3)],
        1 => vec![b'y'; rng.random_range(EXCERPT..2 * EXCERPT)],
        2..250 => BODIES.choose(rng).unwrap().as_bytes().to_vec(),
        _ => (0..rng.random_range(0..60)).map(|_| rng.random()).collect(),
    }
}

/// A head and a body whose end is announced in some way, right or wrong.
fn framed(rng: &mut StdRng, bytes: &mut Vec<u8>, status: u16, body: &[u8]) {
    let length = body.len();
    let plain = |framing: String| (framing, body.to_vec());
    let (framing, sent) = match rng.random_range(0..32) {
        0..10 => plain(format!("Content-Length: {length}")),
        10..14 => plain(String::new()),
        14..22 => ("Transfer-Encoding: chunked".to_owned(), chunked(rng, body)),
        22 => (
            "Transfer-Encoding: gzip, Chunked".to_owned(),
            chunked(rng, body),
        ),
        23 => plain(format!(
            "Content-Length: {}",
            length + rng.random_range(1..20)
        )),
        24 => plain(format!("content-length: {}", rng.random_range(0..=length))),
        25 => plain(format!(
            "Content-Length: {length}{{n}}Content-Length: {length}"
        )),
        26 => plain(format!("Content-Length: {length}, {length}")),
        27 => plain(format!(
            "Content-Length: {length}{{n}}Content-Length: {}",
            length + 1
        )),
        28 => plain(format!(
            "Content-Length: {}",
            BAD_LENGTHS.choose(rng).unwrap()
        )),
        29 => {
            let coding = *["gzip", "identity", "chunked, gzip", ""]
                .choose(rng)
                .unwrap();
            plain(format!("Transfer-Encoding: {coding}"))
        }
        30 => (
            format!("Content-Length: {length}{{n}}Transfer-Encoding: chunked"),
            chunked(rng, body),
        ),
        _ => (
            "Transfer-Encoding: gzip{n}Transfer-Encoding: chunked".to_owned(),
            chunked(rng, body),
        ),
    };
    head(rng, bytes, status, Some(&framing));
    bytes.extend_from_slice(&sent);
}

fn head(rng: &mut StdRng, bytes: &mut Vec<u8>, status: u16, framing: Option<&str>) {
    let newline = if rng.random_ratio(1, 20) {
        "\n"
    } else {
        "\r\n"
    };
    if rng.random_ratio(1, 40) {
        bytes.extend_from_slice(newline.as_bytes());
    }
    let version = match rng.random_range(0..60) {
        0..54 => "1.1",
        54..59 => "1.0",
        _ => "2.0",
    };
    let mut lines = vec![format!(
        "HTTP/{version} {status:03}{}",
        REASONS.choose(rng).unwrap()
    )];
    let fields = match rng.random_range(0..300) {
        0 => rng.random_range(90..202),
        _ => rng.random_range(0..5),
    };
    let place = rng.random_range(0..=fields);
    for n in 0..=fields {
        if n == place {
            lines.extend(framing.filter(|it| !it.is_empty()).map(str::to_owned));
        }
        if n < fields {
            lines.push((*FIELDS.choose(rng).unwrap()).to_owned());
        }
    }
    for line in lines {
        let line = line.replace("{n}", newline);
        // As a receiver that writes Latin-1 does.
        bytes.extend(line.chars().map(|c| u8::try_from(c).unwrap_or(b'?')));
        bytes.extend_from_slice(newline.as_bytes());
    }
    bytes.extend_from_slice(newline.as_bytes());
}

fn chunked(rng: &mut StdRng, body: &[u8]) -> Vec<u8> {
    let mut sent = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (data, more) = rest.split_at(rng.random_range(1..=rest.len()));
        rest = more;
        let size = match rng.random_range(0..8) {
            0 => format!("{:X}", data.len()),
            1 => format!("00{:x}", data.len()),
            2 => format!("{:x} ; name=\"va;lue\"", data.len()),
            3 => format!("{:x}\t", data.len()),
            _ => format!("{:x}", data.len()),
        };
        sent.extend_from_slice(size.as_bytes());
        sent.extend_from_slice(b"\r\n");
        sent.extend_from_slice(data);
        sent.extend_from_slice(b"\r\n");
    }
    let end = *[
        "0\r\n\r\n",
        "0\r\n\r\n",
        "0\r\n\r\n",
        "000\r\n\r\n",
        "0;last\r\n\r\n",
        "0\r\nX-Sum: 7\r\nX-More:\r\n\r\n",
        "0\r\nno field\r\n\r\n",
        "0\r\n",
        "",
    ]
    .choose(rng)
    .unwrap();
    sent.extend_from_slice(end.as_bytes());
    sent
}

/// One byte is lost, doubled or another.
fn damage(rng: &mut StdRng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let place = rng.random_range(0..bytes.len());
    match rng.random_range(0..4) {
        0 => drop(bytes.remove(place)),
        1 => bytes.insert(place, bytes[place]),
        2 => bytes[place] = *b"\r\n :;0aZ\0\x7f".choose(rng).unwrap(),
        _ => bytes[place] = rng.random(),
    }
}
