//! Text and bytes in other spellings, and hashes: base64, hex, URL, SHA-256, HMAC, UUID.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use rhai::{Blob, Engine, ImmutableString};
use sha2::{Digest, Sha256};

use super::{Fallible, fail};

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("base64_encode", |text: ImmutableString| {
        BASE64_STANDARD.encode(&*text)
    });
    engine.register_fn("base64_encode", |bytes: Blob| BASE64_STANDARD.encode(bytes));
    engine.register_fn("base64_decode", base64_decode);
    engine.register_fn("hex_encode", |text: ImmutableString| hex(text.as_bytes()));
    engine.register_fn("hex_encode", |bytes: Blob| hex(&bytes));
    engine.register_fn("hex_decode", hex_decode);
    engine.register_fn("sha256", |text: ImmutableString| {
        hex(&Sha256::digest(&*text))
    });
    engine.register_fn("sha256", |bytes: Blob| hex(&Sha256::digest(bytes)));
    engine.register_fn(
        "hmac_sha256",
        |key: ImmutableString, text: ImmutableString| hmac(key.as_bytes(), text.as_bytes()),
    );
    engine.register_fn("hmac_sha256", |key: Blob, text: ImmutableString| {
        hmac(&key, text.as_bytes())
    });
    engine.register_fn("url_encode", |text: ImmutableString| url_encode(&text));
    engine.register_fn("url_decode", url_decode);
    engine.register_fn("uuid", || uuid::Uuid::new_v4().to_string());
}

/// Standard and URL-safe base64, with or without padding, to a text if it is one, else a blob.
fn base64_decode(text: ImmutableString) -> Fallible<rhai::Dynamic> {
    let plain = text.trim_end_matches('=');
    let plain = plain.replace('+', "-").replace('/', "_");
    match BASE64_URL_SAFE_NO_PAD.decode(plain) {
        Ok(bytes) => Ok(text_or_blob(bytes)),
        Err(error) => fail(format!("base64_decode: {error}")),
    }
}

fn text_or_blob(bytes: Vec<u8>) -> rhai::Dynamic {
    match String::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(error) => rhai::Dynamic::from_blob(error.into_bytes()),
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

fn hex_decode(text: ImmutableString) -> Fallible<rhai::Dynamic> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16)?.try_into().ok())
        .collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => {
            let (pairs, _) = digits.as_chunks::<2>();
            Ok(text_or_blob(
                pairs.iter().map(|[high, low]| high << 4 | low).collect(),
            ))
        }
        _ => fail("hex_decode: an even number of digits 0-9 a-f was expected"),
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Fallible<String> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return fail("hmac_sha256: the key cannot be used");
    };
    mac.update(text);
    Ok(hex(&mac.finalize().into_bytes()))
}

/// Percent encoding of all but the unreserved characters (RFC 3986, 2.3).
fn url_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex(&[byte]).to_ascii_uppercase());
        }
    }
    encoded
}

/// The way back; `+` stays what it is.
fn url_decode(text: ImmutableString) -> Fallible<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16)?.try_into().ok();
        let (Some(high), Some(low)): (Option<u8>, Option<u8>) = (digit(), digit()) else {
            return fail("url_decode: two hexadecimal digits were expected behind %");
        };
        decoded.push(high << 4 | low);
    }
    String::from_utf8(decoded).or_else(|_| fail("url_decode: the result is no text (UTF-8)"))
}
