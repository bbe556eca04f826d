//! A request as a command for a shell: whatever its parts hold, the shell hands it to curl
//! unchanged and runs nothing else.

use std::fmt::Write;

/// The command. What a value of a header hides is named as `<…>`.
pub(super) fn command(url: &str, headers: &[(&str, String)], body: &[u8]) -> String {
    let curl = without_body(url, headers);
    match std::str::from_utf8(body) {
        Ok(text) if is_plain(text) => format!("{curl} \\\n  --data-raw {}", quoted(text)),
        // No argument can hold the byte 0, so such a body comes by a pipe.
        _ => format!("printf {} | {curl} \\\n  --data-binary @-", octal(body)),
    }
}

/// The command for a body that is too large for a page: it is to be in the file of that name.
pub(super) fn with_file(url: &str, headers: &[(&str, String)], file: &str) -> String {
    let (curl, file) = (without_body(url, headers), quoted(&format!("@{file}")));
    format!("{curl} \\\n  --data-binary {file}")
}

fn without_body(url: &str, headers: &[(&str, String)]) -> String {
    // Without the first option curl reads brackets and braces in an address as a pattern.
    let mut out = format!("curl --globoff --request POST {}", quoted(url));
    for (name, value) in headers {
        // curl leaves a header without a value out unless a semicolon ends its name.
        let header = match value.as_str() {
            "" => format!("{name};"),
            value => format!("{name}: {value}"),
        };
        let _ = write!(out, " \\\n  --header {}", quoted(&header));
    }
    out
}

/// Whether a page and a terminal leave every character as it is.
fn is_plain(text: &str) -> bool {
    super::payload::visible(text) == text
}

/// A word for a POSIX shell: nothing between single quotes means anything to it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A format for `printf` that writes the bytes.
fn octal(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for (place, byte) in bytes.iter().enumerate() {
        match byte {
            b'%' => out.push_str("%%"),
            // A format that begins with `-` would be read as an option.
            b'-' if place == 0 => out.push_str("\\055"),
            b'\'' | b'\\' | 0..0x20 | 0x7f.. => {
                // Writing into a string cannot fail.
                let _ = write!(out, "\\{byte:03o}");
            }
            byte => out.push(char::from(*byte)),
        }
    }
    format!("'{out}'")
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        reason = "a real shell reads what is written for one"
    )]

    use std::fs;
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// Runs a command in a shell whose `curl` writes its arguments and its input into files.
    fn run(shell: &str, command: &str) -> (Vec<Vec<u8>>, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        // No file: one that is just written cannot be run while another thread begins a program.
        let curl = "curl() { printf '%s\\0' \"$@\" > \"$OUT/arguments\"; cat > \"$OUT/input\"; }";
        let output = Command::new(shell)
            .args(["-c", &format!("{curl}\n{command}")])
            .current_dir(folder.path())
            .env("OUT", folder.path())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        let silent = output.stdout.is_empty() && output.stderr.is_empty();
        assert!(silent, "{output:?}");
        let files = fs::read_dir(folder.path()).unwrap();
        assert_eq!(files.count(), 2, "something else ran");
        let arguments = fs::read(folder.path().join("arguments")).unwrap();
        let arguments = arguments.split(|byte| *byte == 0);
        let mut arguments: Vec<_> = arguments.map(<[u8]>::to_vec).collect();
        arguments.pop();
        (arguments, fs::read(folder.path().join("input")).unwrap())
    }

    /// What a shell makes of a request: the address, the headers and the body.
    fn read_back(url: &str, header: &str, body: &[u8]) {
        let command = command(url, &[("x-a", header.to_owned())], body);
        for shell in ["sh", "bash"] {
            let (arguments, input) = run(shell, &command);
            let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
            let head: Vec<&[u8]> = vec![b"--globoff", b"--request", b"POST", url.as_bytes()];
            assert_eq!(&arguments[..4], &head);
            let expected = match header {
                "" => "x-a;".to_owned(),
                header => format!("x-a: {header}"),
            };
            assert_eq!(arguments[4..6], [b"--header", expected.as_bytes()]);
            if arguments[6] == b"--data-raw" {
                assert_eq!((arguments[7], input.as_slice()), (body, &b""[..]));
            } else {
                assert_eq!(arguments[6..], [&b"--data-binary"[..], b"@-"]);
                assert_eq!(input, body);
            }
        }
    }

    #[test]
    fn a_shell_runs_nothing_of_a_hostile_request() {
        let url = "https://example.com/a?b='$(touch x)'&c=`touch y`;touch z\\";
        for body in [
            &b"'; touch x; '"[..],
            b"$(touch x) `touch y` \"${HOME}\" !! \\",
            b"@/etc/passwd",
            b"EOF\nEOF\n$'\\x41'\n",
            b"%s%n%d\0\x1b[31m\xff\xfe\r\n'\\''",
            b"-",
            b"-n\0",
            b"",
            "{\"é\":\"\u{202e}\u{2028}\"}".as_bytes(),
        ] {
            read_back(url, "'\"$(touch x)", body);
        }
        read_back("https://example.com/[1-9]{a,b}", "", b"{}");
    }

    #[test]
    fn what_is_masked_is_named() {
        let headers = [("webhook-signature", "<webhook-signature>".to_owned())];
        let command = command("https://example.com/", &headers, b"{}");
        let expected = "curl --globoff --request POST 'https://example.com/' \\\n  \
            --header 'webhook-signature: <webhook-signature>' \\\n  --data-raw '{}'";
        assert_eq!(command, expected);
        let file = with_file("https://example.com/", &[], "it's.json");
        assert!(file.ends_with(r"--data-binary '@it'\''s.json'"), "{file}");
        assert!(!file.contains("--data-raw"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn every_byte_comes_through(
            body in prop::collection::vec(any::<u8>(), 0..120),
            header in "[ -~]{0,30}",
        ) {
            read_back("https://example.com/", &header, &body);
        }

        #[test]
        fn every_text_comes_through(body in "[\\PC\n\t\r'\\\\%\"$`]{0,60}") {
            read_back("https://example.com/'", "a", body.as_bytes());
        }
    }
}
