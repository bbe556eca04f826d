//! Herald's reading of answers, held against hyper's: both get the same bytes, and must agree on
//! the status, the fields, the body, whether it is whole, and whether the connection may be used
//! again. [`wanted`] says where Herald is to differ.

mod generate;
mod readers;
mod script;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use self::readers::{Ended, Herald, Seen, by_hyper, by_reading};
use self::script::{End, Script};
use super::answer::EXCERPT;

/// Where Herald differs from hyper on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deviation {
    /// hyper hands the connection over. Nobody asked for it.
    Switched,
    /// hyper takes any number of interim answers.
    TooManyInterim,
    /// hyper follows `Transfer-Encoding`. The answer may hide a second one.
    TwoFramings,
    /// hyper keeps the connection after 204 or 304 with a length. A body may follow.
    FramedWithoutBody,
    /// hyper reads on. Herald needs the beginning of a body.
    LongBody,
    /// hyper keeps the connection for which the receiver announces no idle time.
    NoIdleTime,
    /// hyper overlooks a `Connection` field with bytes that are no text. It may say `close`.
    UnreadableConnection,
    /// A head that is wrong before it is whole: whether that is seen at once or at its end depends
    /// on the pieces in which it comes, with either.
    WrongInPieces,
}

/// What Herald is to see where hyper sees this.
fn wanted(script: &Script, mut seen: Seen) -> (Seen, Option<Deviation>) {
    let has = |name: &str| seen.fields.iter().any(|(field, _)| field == name);
    let (length, coding) = (has("content-length"), has("transfer-encoding"));
    let deviation = match seen.status {
        _ if interim_heads(&script.bytes()) > 16 => Deviation::TooManyInterim,
        Some(101) => Deviation::Switched,
        Some(204 | 304) if length || coding => Deviation::FramedWithoutBody,
        Some(_) if length && coding => Deviation::TwoFramings,
        Some(204 | 304) if !seen.reusable => return (seen, None),
        Some(_) if seen.reusable && has_unreadable_connection(&seen) => {
            Deviation::UnreadableConnection
        }
        Some(204 | 304) if !has_no_idle_time(&seen) => return (seen, None),
        Some(_) if is_long(&seen) => Deviation::LongBody,
        Some(_) if seen.reusable && has_no_idle_time(&seen) => Deviation::NoIdleTime,
        _ => return (seen, None),
    };
    match deviation {
        Deviation::Switched | Deviation::TooManyInterim | Deviation::TwoFramings => {
            seen = Seen::nothing(Ended::Broken);
        }
        Deviation::FramedWithoutBody | Deviation::NoIdleTime | Deviation::UnreadableConnection => {
            seen.reusable = false
        }
        Deviation::WrongInPieces => {}
        Deviation::LongBody => {
            seen.body.truncate(EXCERPT);
            seen.ended = Ended::Longer;
            seen.reusable = false;
        }
    }
    (seen, Some(deviation))
}

fn interim_heads(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    loop {
        let mut fields = [httparse::EMPTY_HEADER; 200];
        let mut response = httparse::Response::new(&mut fields);
        let parsed = httparse::ParserConfig::default()
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .parse_response(&mut response, bytes);
        match (parsed, response.code) {
            (Ok(httparse::Status::Complete(length)), Some(100 | 102..200)) => {
                count += 1;
                bytes = &bytes[length..];
            }
            _ => return count,
        }
    }
}

fn is_long(seen: &Seen) -> bool {
    let length = seen
        .fields
        .iter()
        .find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| {
        str::from_utf8(value)
            .ok()?
            .split(',')
            .next()?
            .trim()
            .parse::<usize>()
            .ok()
    });
    let announced = length.is_some_and(|length| length > EXCERPT);
    seen.body.len() > EXCERPT || announced && seen.body.len() == EXCERPT
}

fn is_text(value: &[u8]) -> bool {
    value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

fn has_unreadable_connection(seen: &Seen) -> bool {
    let mut connection = seen.fields.iter().filter(|(name, _)| name == "connection");
    connection.any(|(_, value)| !is_text(value))
}

fn has_no_idle_time(seen: &Seen) -> bool {
    let mut announced = seen.fields.iter().filter_map(|(name, value)| {
        let value = str::from_utf8(value)
            .ok()
            .filter(|_| name == "keep-alive")?;
        value.split(',').find_map(|item| {
            let (name, seconds) = item.trim().split_once('=')?;
            let digits =
                !seconds.is_empty() && seconds.trim().bytes().all(|it| it.is_ascii_digit());
            (digits && name.eq_ignore_ascii_case("timeout")).then(|| seconds.trim().parse::<u64>())
        })
    });
    announced.next_back() == Some(Ok(0))
}

/// As the attempt's log has it: a success must be whole, and nothing is there of what is awaited.
fn as_answered(seen: &Seen) -> Seen {
    match (seen.ended, seen.status) {
        (Ended::Waiting, _) => Seen::nothing(Ended::Waiting),
        (Ended::Broken, Some(200..300)) => Seen::nothing(Ended::Broken),
        _ => seen.clone(),
    }
}

/// Whether the log keeps all fields.
fn has_few_fields(seen: &Seen) -> bool {
    let size = |(name, value): &(String, Vec<u8>)| name.len() + value.len();
    seen.fields.iter().map(size).sum::<usize>() <= 8 << 10
}

/// With the names in order, or without fields.
fn comparable(mut seen: Seen, with_fields: bool) -> Seen {
    if !with_fields {
        seen.fields.clear();
    }
    seen.fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    seen
}

/// Holds one answer against hyper.
fn disagreement(herald: &Herald, script: &Script) -> (Option<String>, Option<Deviation>) {
    let by_hyper = by_hyper(script);
    let (wanted, mut deviation) = wanted(script, by_hyper.clone());
    let few = has_few_fields(&by_hyper);
    let wanted = comparable(wanted, few);
    let by_reading = comparable(by_reading(script), few);
    let by_herald = comparable(herald.sees(script), few);
    let mut by_reading_wanted = wanted.clone();
    by_reading_wanted.reusable |= deviation == Some(Deviation::NoIdleTime);
    let mut agree = by_reading == by_reading_wanted && by_herald == as_answered(&wanted);
    if !agree && deviation.is_none() && script.end == End::Open {
        let nothing = |seen: &Seen| *seen == Seen::nothing(seen.ended);
        agree = nothing(&by_hyper) && nothing(&by_reading) && by_herald == by_reading;
        deviation = Some(Deviation::WrongInPieces);
    }
    let difference = (!agree).then(|| {
        let text = String::from_utf8_lossy(&script.bytes()).into_owned();
        let pieces: Vec<usize> = script.pieces.iter().map(Vec::len).collect();
        format!(
            "{text:?}\nin pieces of {pieces:?}, then {:?}\nhyper: {by_hyper:?}\nwanted \
             ({deviation:?}): {wanted:?}\nreading: {by_reading:?}\nherald: {by_herald:?}",
            script.end
        )
    });
    (difference, deviation)
}

/// Answers that a reader got wrong once, each with what it is about.
const KNOWN: &[(&str, &str, End)] = &[
    (
        "an interim answer is taken for the final one",
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        End::Open,
    ),
    (
        "100 Continue is taken for the final one",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 X\r\nContent-Length: 6\r\n\r\nbroken",
        End::Open,
    ),
    (
        "another protocol is taken for an answer",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        End::Open,
    ),
    (
        "a body without a length is lost",
        "HTTP/1.1 500 X\r\n\r\ntable `orders` does not exist",
        End::Closed,
    ),
    (
        "a connection is kept whose answer has no end",
        "HTTP/1.1 200 OK\r\n\r\n",
        End::Open,
    ),
    (
        "a body that is too short is whole",
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        End::Closed,
    ),
    (
        "a body without its last chunk is whole",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        End::Closed,
    ),
    (
        "a body that ends within a chunk is whole",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello",
        End::Closed,
    ),
    (
        "a body without any chunk is whole",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        End::Closed,
    ),
    (
        "trailers with a line end that is none are taken",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: 1\nX-B: 2\r\n\r\n",
        End::Open,
    ),
    (
        "204 is waited for because of its length",
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        End::Open,
    ),
    (
        "204 is waited for because of its chunks",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        End::Open,
    ),
    (
        "304 is waited for because of its length",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        End::Open,
    ),
    (
        "a folded header is refused",
        "HTTP/1.1 200 OK\r\nX-A: one\r\n two\r\nContent-Length: 2\r\n\r\nok",
        End::Open,
    ),
    (
        "two equal lengths are refused",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        End::Open,
    ),
    (
        "two framings are taken",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        End::Open,
    ),
    (
        "a close beside bytes that are no text is overlooked",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: \u{e9}, close\r\n\r\nok",
        End::Open,
    ),
    (
        "a connection is kept on which more came than the answer",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n",
        End::Open,
    ),
];

fn of_many_fields() -> String {
    format!(
        "HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\nok",
        "X-A: 1\r\n".repeat(199)
    )
}

fn known() -> impl Iterator<Item = (&'static str, Vec<u8>, End)> {
    let known = KNOWN
        .iter()
        .map(|(name, text, end)| (*name, text.as_bytes().to_vec(), *end));
    known.chain([(
        "200 fields are refused",
        of_many_fields().into_bytes(),
        End::Open,
    )])
}

fn on_a_thread<T>(run: impl Future<Output = T>) -> T {
    // Whoever polls by hand would use up the budget of a task.
    actix_rt::System::new().block_on(tokio::task::unconstrained(run))
}

#[test]
fn what_was_read_wrong_once_is_read_as_hyper_reads_it_in_any_two_pieces() {
    on_a_thread(async {
        let herald = Herald::new(false);
        for (name, bytes, end) in known() {
            let cuts = (1..bytes.len()).filter(|cut| bytes.len() < 1_000 || cut % 97 == 0);
            let in_two = cuts.map(|cut| Script {
                pieces: vec![bytes[..cut].to_vec(), bytes[cut..].to_vec()],
                end,
            });
            let scripts = [Script::whole(&bytes, end), Script::in_bytes(&bytes, end)];
            for script in scripts.into_iter().chain(in_two) {
                let (difference, _) = disagreement(&herald, &script);
                assert_eq!(difference, None, "{name}");
            }
        }
    });
}

#[test]
fn the_comparison_finds_each_known_fault_of_awc_without_the_wire() {
    on_a_thread(async {
        let bare = Herald::new(true);
        for (name, bytes, end) in known() {
            let script = Script::whole(&bytes, end);
            let (difference, _) = disagreement(&bare, &script);
            assert!(difference.is_some(), "not found: {name}");
        }
    });
}

#[test]
fn herald_and_hyper_read_random_answers_alike() {
    #[allow(
        clippy::disallowed_methods,
        reason = "tests take the number from outside"
    )]
    let number = |name| {
        std::env::var(name)
            .ok()
            .and_then(|it| it.parse::<u64>().ok())
    };
    let count = number("HERALD_TEST_ANSWERS").unwrap_or(5_000);
    let first = number("HERALD_TEST_SEED").unwrap_or_else(rand::random);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (next, begin) = (AtomicU64::new(0), Instant::now());
    let read = || {
        on_a_thread(async {
            let herald = Herald::new(false);
            let mut deviations = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return deviations;
                }
                let seed = first.wrapping_add(n);
                let (difference, deviation) = disagreement(&herald, &generate::script(seed));
                if let Some(difference) = difference {
                    panic!("HERALD_TEST_SEED={seed}: {difference}");
                }
                deviations.extend(deviation);
            }
        })
    };
    let deviations: Vec<Deviation> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(read)).collect();
        running
            .into_iter()
            .flat_map(|it| it.join().unwrap())
            .collect()
    });
    let of = |wanted| deviations.iter().filter(|it| **it == wanted).count();
    let by_name = [
        Deviation::Switched,
        Deviation::TooManyInterim,
        Deviation::TwoFramings,
        Deviation::FramedWithoutBody,
        Deviation::LongBody,
        Deviation::NoIdleTime,
        Deviation::UnreadableConnection,
        Deviation::WrongInPieces,
    ]
    .map(|it| (it, of(it)));
    println!(
        "{count} answers from seed {first} read alike in {:.0} s, but for the wanted deviations: \
         {by_name:?}",
        begin.elapsed().as_secs_f64()
    );
}
