drop table retired, subscription_count, idempotency, delivery, attempt, event, lane,
    subscription_secret, subscription, event_type, routing, token, account;
drop type attempt_outcome, delivery_origin, validation_mode, subscription_state, token_role;
