//! Sends an actor a message that must not be dropped.

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message, Recipient};

/// Queues a message whatever the mailbox holds. Only for messages whose number something else
/// bounds: events and attempts by the byte budget and by
/// [`UNRECORDED`](crate::actors::delivery::attempt_buffer::UNRECORDED), the rest by being rare
/// (changes by people, faults of the database).
pub(crate) fn tell<A, M>(actor: &Addr<A>, message: M)
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    #[allow(
        clippy::disallowed_methods,
        reason = "a full mailbox must not lose it; see above"
    )]
    actor.do_send(message);
}

/// The same where only the message is known.
pub(super) fn tell_recipient<M>(recipient: &Recipient<M>, message: M)
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    #[allow(
        clippy::disallowed_methods,
        reason = "a full mailbox must not lose it; see above"
    )]
    recipient.do_send(message);
}
