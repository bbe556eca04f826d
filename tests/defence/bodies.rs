//! How large and how slow the body of a request may be.

use crate::support::Herald;
use crate::support::api::order;

#[test]
fn a_batch_may_be_as_large_as_the_operator_permits() {
    let herald = Herald::launch_with(&[("HERALD_MAX_BODY_BYTES", "1048576")]);
    let line = format!("{}\n", order(1));
    let fits = line.repeat(10);
    herald
        .send("POST", "/v1/events/batch", &[], fits.as_bytes())
        .expect(202);
    let large = format!("{{\"a\":\"{}\"}}\n", "x".repeat(500_000)).repeat(3);
    for path in ["/v1/events/batch", "/v1/activities/batch"] {
        let refused = herald.send("POST", path, &[], large.as_bytes()).expect(413);
        assert!(refused.detail().contains("1 MiB"), "{}", refused.detail());
    }
}
