//! The catalogue of activities: what the seeds name, what applications add, what is Herald's.

use std::collections::BTreeMap;

use serde_json::json;

use super::{find, record};
use crate::support::api::text;
use crate::support::tenant::Tenant;

#[test]
fn the_groups_of_the_seed_are_there_and_herald_s_own_are_not_for_applications() {
    let tenant = Tenant::new();
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in tenant.publisher.list("/v1/activity-types?limit=7") {
        assert_eq!(entry["builtin"], true);
        assert_eq!(entry["recordable"], entry["group"] != "Herald");
        let group = groups.entry(text(&entry["group"])).or_default();
        group.push(text(&entry["activity"]));
    }
    let of = |group: &str| groups[group].join(", ");
    assert_eq!(
        groups.keys().map(String::as_str).collect::<Vec<_>>(),
        ["Herald", "Mockup", "Order", "Product", "Profile"]
    );
    assert_eq!(of("Order"), "Bulk Submit, Review, Submit");
    assert_eq!(
        of("Product"),
        "Auto Match Variants, Connect Fulfillments, Delete, Edit, Enable Mockup, \
         Enable Personalized, Update, Update Define Design"
    );
    assert_eq!(of("Profile"), "Update Info, Update Password");
    assert_eq!(of("Mockup"), "Studio Create, Studio Delete");
    for (group, activities) in &groups {
        for activity in activities {
            let body = json!({"user": "ann", "group": group, "activity": activity});
            let status = tenant.publisher.post("/v1/activities", &body).status;
            assert_eq!(status == 201, group != "Herald", "{group} {activity}");
        }
    }
}

#[test]
fn what_is_not_in_the_catalogue_is_refused_with_what_was_meant_and_how_to_add_it() {
    let tenant = Tenant::new();
    let other = Tenant::new();
    let body = json!({"user": "ann", "group": "Order", "activity": "Sumbit"});
    let told = tenant.publisher.post("/v1/activities", &body).expect(422);
    assert!(
        told.detail().contains("Order / Submit")
            && told.detail().contains("POST /v1/activity-types"),
        "{}",
        told.detail()
    );
    let own = json!({"group": "Warehouse", "activity": "Pick", "description": "Off the shelf"});
    let made = tenant.admin.post("/v1/activity-types", &own).expect(201);
    assert_eq!(made.json()["builtin"], false);
    tenant.admin.post("/v1/activity-types", &own).expect(409);
    let pick = json!({"user": "ann", "group": "Warehouse", "activity": "Pick"});
    record(&tenant.publisher, &pick);
    other.publisher.post("/v1/activities", &pick).expect(422);
    let built_in = json!({"group": "Order", "activity": "Submit"});
    tenant
        .admin
        .post("/v1/activity-types", &built_in)
        .expect(409);
    for group in ["Herald", "HERALD"] {
        let body = json!({"group": group, "activity": "Signed In"});
        let refused = tenant.admin.post("/v1/activity-types", &body).expect(422);
        assert_eq!(refused.pointers(), ["/group"]);
    }
    let listed = tenant.viewer.list("/v1/activity-types?group=Warehouse");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["description"], "Off the shelf");
    // The addition itself is an activity.
    let entry = find(
        &tenant.viewer,
        "activity=Activity Type Created"
            .replace(' ', "%20")
            .as_str(),
    );
    assert_eq!(entry.len(), 1);
    assert_eq!(entry[0]["payload"]["group"], "Warehouse");
    assert_eq!(entry[0]["actor"], "token");
    assert_eq!(entry[0]["user"], "of a test");
}
