// @generated automatically by Diesel CLI.

pub mod sql_types {
    #[derive(diesel::query_builder::QueryId, Clone, Copy, Debug, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "activity_actor"))]
    pub struct ActivityActor;

    #[derive(diesel::query_builder::QueryId, Clone, Copy, Debug, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "attempt_outcome"))]
    pub struct AttemptOutcome;

    #[derive(diesel::query_builder::QueryId, Clone, Copy, Debug, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "delivery_origin"))]
    pub struct DeliveryOrigin;

    #[derive(diesel::query_builder::QueryId, Clone, Copy, Debug, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "link_purpose"))]
    pub struct LinkPurpose;

    #[derive(diesel::query_builder::QueryId, Clone, Copy, Debug, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "mail_state"))]
    pub struct MailState;

    #[derive(diesel::query_builder::QueryId, Clone, Copy, Debug, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "mail_try_outcome"))]
    pub struct MailTryOutcome;

    #[derive(diesel::query_builder::QueryId, Clone, Copy, Debug, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "subscription_state"))]
    pub struct SubscriptionState;

    #[derive(diesel::query_builder::QueryId, Clone, Copy, Debug, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "token_role"))]
    pub struct TokenRole;

    #[derive(diesel::query_builder::QueryId, Clone, Copy, Debug, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "user_role"))]
    pub struct UserRole;

    #[derive(diesel::query_builder::QueryId, Clone, Copy, Debug, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "validation_mode"))]
    pub struct ValidationMode;
}

diesel::table! {
    account (id) {
        id -> Uuid,
        name -> Text,
        created_at -> Timestamptz,
        mail_senders -> Nullable<Array<Nullable<Text>>>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::ActivityActor;

    activity (account_id, id) {
        account_id -> Uuid,
        id -> Uuid,
        at -> Timestamptz,
        user -> Nullable<Text>,
        actor -> ActivityActor,
        actor_id -> Nullable<Text>,
        group -> Text,
        #[sql_name = "activity"]
        activity_ -> Text,
        subject -> Nullable<Text>,
        payload -> Nullable<Text>,
    }
}

diesel::table! {
    activity_type (account_id, group, activity) {
        account_id -> Uuid,
        group -> Text,
        activity -> Text,
        description -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    activity_user (account_id, user) {
        account_id -> Uuid,
        user -> Text,
        last_month -> Date,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::AttemptOutcome;
    use super::sql_types::DeliveryOrigin;

    attempt (account_id, subscription_id, event_id, n) {
        account_id -> Uuid,
        subscription_id -> Uuid,
        event_id -> Uuid,
        n -> Int4,
        duration_ms -> Int4,
        at -> Timestamptz,
        outcome -> AttemptOutcome,
        origin -> DeliveryOrigin,
        status -> Nullable<Int2>,
        detail -> Nullable<Text>,
        lane -> Nullable<Int4>,
    }
}

diesel::table! {
    audit_result (account_id) {
        account_id -> Uuid,
        as_of -> Timestamptz,
        accepted -> Int8,
        targets -> Int8,
        sent -> Int8,
        failed -> Int8,
        filtered -> Int8,
        cancelled -> Int8,
        open -> Int8,
        in_flight -> Int8,
        lost -> Int8,
        double -> Int8,
        retired_events -> Int8,
        retired_targets -> Int8,
        retired_open -> Int8,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::DeliveryOrigin;

    delivery (account_id, subscription_id, event_id) {
        account_id -> Uuid,
        subscription_id -> Uuid,
        event_id -> Uuid,
        due_at -> Timestamptz,
        seq -> Nullable<Int8>,
        n -> Int4,
        base -> Int4,
        failures -> Int4,
        origin -> DeliveryOrigin,
        claim_lane -> Nullable<Int4>,
        held_by -> Nullable<Text>,
        stage -> Int2,
    }
}

diesel::table! {
    event (account_id, id) {
        account_id -> Uuid,
        id -> Uuid,
        received_at -> Timestamptz,
        lane -> Int4,
        test -> Bool,
        #[sql_name = "type"]
        type_ -> Text,
        targets -> Array<Nullable<Uuid>>,
        payload -> Bytea,
        warnings -> Nullable<Text>,
        hops -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::ValidationMode;

    event_type (account_id, name) {
        account_id -> Uuid,
        name -> Text,
        builtin -> Bool,
        group -> Text,
        title -> Text,
        description -> Text,
        schema -> Nullable<Json>,
        example -> Nullable<Json>,
        validation -> Nullable<ValidationMode>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        version -> Int8,
        schema_bytes -> Nullable<Int4>,
        pattern_bytes -> Int4,
    }
}

diesel::table! {
    feature_level (one) {
        one -> Bool,
        needed -> Int2,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::UserRole;

    herald_user (id) {
        id -> Uuid,
        account_id -> Uuid,
        email -> Text,
        email_key -> Text,
        name -> Text,
        role -> UserRole,
        password_hash -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        last_sign_in_at -> Nullable<Timestamptz>,
        disabled_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    hop (one) {
        one -> Bool,
        id -> Text,
    }
}

diesel::table! {
    idempotency (account_id, key) {
        account_id -> Uuid,
        key -> Text,
        body_hash -> Bytea,
        event_id -> Uuid,
        at -> Timestamptz,
    }
}

diesel::table! {
    idempotency_count (account_id, day) {
        account_id -> Uuid,
        day -> Date,
        keys -> Int8,
    }
}

diesel::table! {
    known_browser (hash, user_id) {
        hash -> Bytea,
        user_id -> Uuid,
        seen_at -> Timestamptz,
    }
}

diesel::table! {
    lane (id) {
        id -> Int4,
        folder -> Uuid,
        opened_at -> Timestamptz,
        lease_until -> Timestamptz,
        low_water -> Uuid,
        closed_at -> Nullable<Timestamptz>,
        stats_at -> Nullable<Timestamptz>,
        stats_repaired_at -> Nullable<Timestamptz>,
        stats_settled -> Bool,
        seal_keys -> Nullable<Array<Nullable<Bytea>>>,
        feature_level -> Int2,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::MailState;

    mail (account_id, id) {
        account_id -> Uuid,
        id -> Uuid,
        topic -> Text,
        state -> MailState,
        sender -> Text,
        receivers -> Array<Nullable<Text>>,
        reply_to -> Nullable<Text>,
        subject -> Text,
        message_id -> Text,
        recorded -> Bool,
        confidential -> Bool,
        attempts -> Int4,
        reply -> Nullable<Text>,
        created_at -> Timestamptz,
        sent_at -> Nullable<Timestamptz>,
        subscription_id -> Nullable<Uuid>,
        event_id -> Nullable<Uuid>,
        words -> Text,
        text -> Text,
        html -> Nullable<Text>,
    }
}

diesel::table! {
    made_key (account_id, kind, key) {
        account_id -> Uuid,
        kind -> Text,
        key -> Text,
        body_hash -> Bytea,
        made -> Text,
        at -> Timestamptz,
    }
}

diesel::table! {
    mail_due (account_id, mail_id) {
        account_id -> Uuid,
        mail_id -> Uuid,
        due_at -> Timestamptz,
        n -> Int4,
        failures -> Int4,
        pending -> Array<Nullable<Text>>,
        refused -> Bool,
        claim_lane -> Nullable<Int4>,
        subscription_id -> Nullable<Uuid>,
        event_id -> Nullable<Uuid>,
        delivery_n -> Nullable<Int4>,
        detail -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::MailTryOutcome;

    mail_try (account_id, mail_id, n) {
        account_id -> Uuid,
        mail_id -> Uuid,
        n -> Int4,
        at -> Timestamptz,
        duration_ms -> Int4,
        outcome -> MailTryOutcome,
        reply -> Text,
        receivers -> Nullable<Text>,
    }
}

diesel::table! {
    notice (account_id, kind, subject) {
        account_id -> Uuid,
        kind -> Text,
        subject -> Text,
        told -> Text,
        at -> Timestamptz,
    }
}

diesel::table! {
    plugin_health (name, hash, account_id) {
        name -> Text,
        hash -> Text,
        account_id -> Uuid,
        apart_at -> Nullable<Timestamptz>,
        suspended_at -> Nullable<Timestamptz>,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    plugin_state (name) {
        name -> Text,
        hash -> Nullable<Text>,
        broken -> Nullable<Text>,
        apart_at -> Nullable<Timestamptz>,
        suspended_at -> Nullable<Timestamptz>,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    retired (account_id, day) {
        account_id -> Uuid,
        day -> Date,
        events -> Int8,
        targets -> Int8,
        open_deliveries -> Int8,
        at -> Timestamptz,
    }
}

diesel::table! {
    routing (one) {
        one -> Bool,
        version -> Int8,
    }
}

diesel::table! {
    seal (one) {
        one -> Bool,
        since -> Nullable<Timestamptz>,
        current -> Nullable<Int2>,
    }
}

diesel::table! {
    seal_key (id) {
        id -> Int2,
        fingerprint -> Bytea,
        place -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    session (hash) {
        hash -> Bytea,
        user_id -> Uuid,
        csrf -> Bytea,
        created_at -> Timestamptz,
        seen_at -> Timestamptz,
        expires_at -> Timestamptz,
        user_agent -> Text,
    }
}

diesel::table! {
    session_note (session, page) {
        session -> Bytea,
        page -> Text,
        sealed -> Bytea,
        at -> Timestamptz,
    }
}

diesel::table! {
    sign_in_attempt (key) {
        key -> Bytea,
        tries -> Int4,
        since -> Timestamptz,
    }
}

diesel::table! {
    stat (account_id, subscription_id, grain, at, lane) {
        account_id -> Uuid,
        subscription_id -> Uuid,
        grain -> Int2,
        at -> Timestamptz,
        lane -> Int4,
        events -> Int4,
        sent -> Int4,
        failed -> Int4,
        filtered -> Int4,
        cancelled -> Int4,
        retried -> Int4,
        latency -> Array<Nullable<Int4>>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::SubscriptionState;

    subscription (id) {
        id -> Uuid,
        account_id -> Uuid,
        title -> Text,
        url -> Text,
        triggers -> Array<Nullable<Text>>,
        state -> SubscriptionState,
        disabled_reason -> Nullable<Text>,
        plugin -> Nullable<Text>,
        headers -> Jsonb,
        max_in_flight -> Int4,
        timeout_seconds -> Int4,
        retry_schedule -> Array<Nullable<Int4>>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        version -> Int8,
        sealed_headers -> Nullable<Bytea>,
        sealed_url -> Nullable<Bytea>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::AttemptOutcome;

    subscription_count (subscription_id, lane) {
        subscription_id -> Uuid,
        lane -> Int4,
        sent -> Int8,
        failed -> Int8,
        filtered -> Int8,
        cancelled -> Int8,
        retried -> Int8,
        last_outcome -> AttemptOutcome,
        last_attempt_at -> Timestamptz,
    }
}

diesel::table! {
    subscription_secret (subscription_id, id) {
        subscription_id -> Uuid,
        id -> Uuid,
        key -> Nullable<Bytea>,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        sealed -> Nullable<Bytea>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::TokenRole;

    token (id) {
        id -> Uuid,
        account_id -> Nullable<Uuid>,
        role -> TokenRole,
        title -> Text,
        hash -> Bytea,
        created_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
        rate_limit -> Nullable<Int4>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::LinkPurpose;

    user_link (hash) {
        hash -> Bytea,
        user_id -> Uuid,
        purpose -> LinkPurpose,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(activity_type -> account (account_id));
diesel::joinable!(event_type -> account (account_id));
diesel::joinable!(idempotency_count -> account (account_id));
diesel::joinable!(herald_user -> account (account_id));
diesel::joinable!(known_browser -> herald_user (user_id));
diesel::joinable!(plugin_health -> account (account_id));
diesel::joinable!(seal -> seal_key (current));
diesel::joinable!(session -> herald_user (user_id));
diesel::joinable!(session_note -> session (session));
diesel::joinable!(subscription -> account (account_id));
diesel::joinable!(subscription_secret -> subscription (subscription_id));
diesel::joinable!(token -> account (account_id));
diesel::joinable!(user_link -> herald_user (user_id));

diesel::allow_tables_to_appear_in_same_query!(
    account,
    activity,
    activity_type,
    activity_user,
    attempt,
    audit_result,
    delivery,
    event,
    event_type,
    feature_level,
    herald_user,
    hop,
    idempotency,
    idempotency_count,
    known_browser,
    lane,
    made_key,
    mail,
    mail_due,
    mail_try,
    notice,
    plugin_health,
    plugin_state,
    retired,
    routing,
    seal,
    seal_key,
    session,
    session_note,
    sign_in_attempt,
    stat,
    subscription,
    subscription_count,
    subscription_secret,
    token,
    user_link,
);
