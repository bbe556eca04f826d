//! Every function that scripts can call on something large, with the types that it takes: data
//! alone. A new version of Rhai may bring more; its packages are in its `src/packages`.

/// Rhai's own, one name a line, with the types of each form.
#[allow(dead_code, reason = "each of the crates uses its part")]
pub(crate) const RHAI: &str = r#"
!=: array array, map map
+: any text, array array, blob text, char text, map map, text any, text blob, text char, text text
+=: map map, text any, text blob, text char, text text
==: array array, map map
all: array closure
append: array array, blob blob, blob char, blob int, blob text, text any, text blob
as_string: blob
bytes: text
chars: text, text int, text int int, text range, text range=
chop: array int, blob int
clear: array, blob, map, text
contains: array any, blob int, map text, text char, text text
crop: text int, text int int, text range, text range=
debug: any, array, map, text
dedup: array, array closure
drain: array closure, array int int, array range, array range=, blob int int, blob range, blob range=, map closure
ends_with: text char, text text
exit: any
extract: array int, array int int, array range, array range=, blob int, blob int int, blob range, blob range=
fill_with: map map
filter: array closure, map closure
find: array closure, array closure int
find_map: array closure, array closure int
for_each: array closure
get: array int, blob int, map text, text int
get_chars: text
index_of: array any, array any int, array closure, array closure int, text char, text char int, text text, text text int
insert: array int any, blob int int
is_empty: array, blob, map, text
keys: map
len: array, blob, map, text
make_lower: text
make_upper: text
map: array closure, map closure
max: text text
min: text text
mixin: map map
order: array, array closure
order_by: array closure
order_desc: array
pad: array int any, blob int int, text int char, text int text
parse_be_float: blob int int, blob range, blob range=
parse_be_int: blob int int, blob range, blob range=
parse_float: text
parse_int: text, text int
parse_le_float: blob int int, blob range, blob range=
parse_le_int: blob int int, blob range, blob range=
pop: array, blob, text, text int
print: any, array, map, text
push: array any, blob int
reduce: array closure, array closure any
reduce_rev: array closure, array closure any
remove: array int, blob int, map text, text char, text text
replace: text char char, text char text, text text char, text text text
retain: array closure, array int int, array range, array range=, blob int int, blob range, blob range=, map closure
reverse: array, blob
set: array int any, blob int int, map text any, text int char
set_tag: any int
shift: array, blob
some: array closure
sort: array, array closure
sort_by: array closure
sort_desc: array
splice: array int int array, array range array, array range= array, blob int int blob, blob range blob, blob range= blob
split: array int, blob int, text, text char, text char int, text int, text text, text text int
split_rev: text char, text char int, text text, text text int
starts_with: text char, text text
sub_string: text int, text int int, text range, text range=
tag: any
take: any
to_array: blob
to_blob: text
to_chars: text
to_debug: any, array, map, text
to_json: map
to_lower: text
to_string: any, array, map, text
to_upper: text
trim: text
truncate: array int, blob int, text int
values: map
write_ascii: blob int int text, blob range text, blob range= text
write_be: blob int int float, blob int int int, blob range float, blob range int, blob range= float, blob range= int
write_le: blob int int float, blob int int int, blob range float, blob range int, blob range= float, blob range= int
write_utf8: blob int int text, blob range text, blob range= text
zip: array array closure
"#;

/// Herald's, which `docs/guides/plugin-language.md` lists.
pub(crate) const HERALD: &str = r#"
assert: bool text
assert_eq: any any
base64_decode: text
base64_encode: text, blob
example: text
format_time: int text
get: any text, any text any, map text
hex_decode: text
hex_encode: text, blob
hmac_sha256: text text, blob text
log: any
parse_json: text
parse_time: text
redact: any paths, any paths any
regex_find: text text
regex_is_match: text text
regex_replace: text text text
sha256: text, blob
to_json: any, map
url_decode: text
url_encode: text
"#;

/// What the language itself does: `x`, `y` and `z` are the large values.
#[allow(dead_code, reason = "each of the crates uses its part")]
pub(crate) const LANGUAGE: &[(&str, &str)] = &[
    ("text text", "x + y"),
    ("text text", "x - y"),
    ("text text", "x == y"),
    ("text text", "x != y"),
    ("text text", "x < y"),
    ("text text", "y in x"),
    ("text text", "`${x}${y}`"),
    ("text text", "switch x { \"x\" => 1, _ => 2 }"),
    ("text", "x[1800000]"),
    ("text", "x[1..1800000]"),
    ("text", "x[1800000] = 'y'"),
    ("text", "x[1..1800000] = \"y\""),
    ("text", "for c in x { }"),
    ("text", "#{ a: x }"),
    ("text", "let m = #{}; m[x] = 1; m += m"),
    ("text", "throw x"),
    ("text", "type_of(x)"),
    ("array", "x == a0"),
    ("array", "x != a0"),
    ("array", "7 in x"),
    ("array", "[x, x]"),
    ("array", "for y in x { }"),
    ("array", "x += x"),
    ("array", "x + x"),
    ("array", "`${x}`"),
    ("array", "throw x"),
    ("array", "x[0] = x"),
    ("blob", "x == a0"),
    ("blob", "x + x"),
    ("blob", "x += x"),
    ("blob", "for y in x { }"),
    ("blob", "`${x}`"),
    ("map", "x == a0"),
    ("map", "x + x"),
    ("map", "x += x"),
    ("map", "x.k = x"),
    ("map", "for k in x.keys() { }"),
    ("map", "`${x}`"),
];
