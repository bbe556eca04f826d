//! Text and bytes in other spellings, and hashes: base64, hex, URL, SHA-256, HMAC, UUID.

use std::rc::Rc;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use rhai::{Blob, Engine, ImmutableString};
use sha2::{Digest, Sha256};

use super::{Budget, Fallible, fail, over, too_large};

/// Bytes between two looks at the budget.
const BYTES_BETWEEN_LOOKS: usize = 16 << 10;

pub(super) fn register(engine: &mut Engine, budget: &Rc<Budget>) {
    let most = budget.limits().string_bytes;
    let base64 = move |bytes: &[u8]| {
        grows_to(bytes.len() / 3 * 4, most)?;
        Ok::<_, Box<rhai::EvalAltResult>>(BASE64_STANDARD.encode(bytes))
    };
    engine.register_fn("base64_encode", move |text: ImmutableString| {
        base64(text.as_bytes())
    });
    engine.register_fn("base64_encode", move |bytes: Blob| base64(&bytes));
    engine.register_fn("base64_decode", base64_decode);
    let hexed = move |bytes: &[u8]| {
        grows_to(bytes.len() * 2, most)?;
        Ok::<_, Box<rhai::EvalAltResult>>(hex(bytes))
    };
    engine.register_fn("hex_encode", move |text: ImmutableString| {
        hexed(text.as_bytes())
    });
    engine.register_fn("hex_encode", move |bytes: Blob| hexed(&bytes));
    let account = Rc::clone(budget);
    engine.register_fn("hex_decode", move |text: ImmutableString| {
        hex_decode(&text, &account)
    });
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
    let account = Rc::clone(budget);
    engine.register_fn("url_encode", move |text: ImmutableString| {
        url_encode(&text, &account)
    });
    let account = Rc::clone(budget);
    engine.register_fn("url_decode", move |text: ImmutableString| {
        url_decode(&text, &account)
    });
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

fn grows_to(bytes: usize, most: usize) -> Fallible<()> {
    if bytes > most {
        return too_large("Length of string");
    }
    Ok(())
}

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

fn digit(value: u8, digits: &[u8; 16]) -> char {
    char::from(digits.get(usize::from(value & 15)).copied().unwrap_or(b'0'))
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        hex.push(digit(byte >> 4, LOWER));
        hex.push(digit(*byte, LOWER));
    }
    hex
}

fn hex_decode(text: &str, budget: &Budget) -> Fallible<rhai::Dynamic> {
    let wrong = || fail("hex_decode: an even number of digits 0-9 a-f was expected");
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return wrong();
    }
    let mut decoded = Vec::with_capacity(pairs.len());
    for part in pairs.chunks(BYTES_BETWEEN_LOOKS) {
        budget.check().or_else(over)?;
        for [high, low] in part {
            match byte_of(*high, *low) {
                Some(byte) => decoded.push(byte),
                None => return wrong(),
            }
        }
    }
    Ok(text_or_blob(decoded))
}

fn byte_of(high: u8, low: u8) -> Option<u8> {
    let value = |digit: u8| -> Option<u8> { char::from(digit).to_digit(16)?.try_into().ok() };
    Some(value(high)? << 4 | value(low)?)
}

fn hmac(key: &[u8], text: &[u8]) -> Fallible<String> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return fail("hmac_sha256: the key cannot be used");
    };
    mac.update(text);
    Ok(hex(&mac.finalize().into_bytes()))
}

/// Percent encoding of all but the unreserved characters (RFC 3986, 2.3).
fn url_encode(text: &str, budget: &Budget) -> Fallible<String> {
    let mut encoded = String::with_capacity(text.len());
    for part in text.as_bytes().chunks(BYTES_BETWEEN_LOOKS) {
        budget.check().or_else(over)?;
        grows_to(encoded.len(), budget.limits().string_bytes)?;
        for byte in part {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
                encoded.push(char::from(*byte));
            } else {
                encoded.push('%');
                encoded.push(digit(byte >> 4, UPPER));
                encoded.push(digit(*byte, UPPER));
            }
        }
    }
    Ok(encoded)
}

/// The way back; `+` stays what it is.
fn url_decode(text: &str, budget: &Budget) -> Fallible<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if decoded.len().is_multiple_of(BYTES_BETWEEN_LOOKS) {
            budget.check().or_else(over)?;
        }
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = bytes.next().zip(bytes.next());
        match digits.and_then(|(high, low)| byte_of(high, low)) {
            Some(byte) => decoded.push(byte),
            None => return fail("url_decode: two hexadecimal digits were expected behind %"),
        }
    }
    String::from_utf8(decoded).or_else(|_| fail("url_decode: the result is no text (UTF-8)"))
}
