//! Shows what a script changed: two JSON texts laid out alike and compared line by line.

use similar::TextDiff;

use crate::domain::json_lines::laid_out;

/// Unchanged lines around each change.
const CONTEXT: usize = 3;

/// A unified diff of two JSON texts; empty if they say the same. A text that is no JSON is
/// compared as it is.
pub(super) fn unified(published: &[u8], delivered: &[u8]) -> String {
    let (old, new) = (laid_out(published), laid_out(delivered));
    TextDiff::from_lines(&old, &new)
        .unified_diff()
        .context_radius(CONTEXT)
        .header("published", "delivered")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_shown() {
        let old = br#"{"b":[1,{"c":"\u00e9"}],"a":12345678901234567890123,"z":{}}"#;
        let new = r#"{"a": 12345678901234567890123, "b": [2, {"c": "é"}], "z": {}}"#;
        let expected = "--- published\n+++ delivered\n@@ -1,7 +1,7 @@\n {\n   \"a\": \
             12345678901234567890123,\n   \"b\": [\n-    1,\n+    2,\n     {\n       \"c\": \
             \"é\"\n     }\n";
        assert_eq!(unified(old, new.as_bytes()), expected);
    }

    #[test]
    fn the_same_value_in_another_order_is_no_change() {
        assert_eq!(unified(br#"{"a":1,"b":[]}"#, br#"{ "b": [], "a": 1 }"#), "");
    }
}
