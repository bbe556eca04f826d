//! The types of a handler say what an operation of the API takes and returns: they read the
//! request, write the answer, and describe both for the API's document.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::ToSchema;

use super::problem::ProblemDetails;
use crate::service::input::NamedSchema;

/// What the types of a handler say about it.
#[derive(Default)]
pub(super) struct OperationDescription {
    /// Parameters of the query, and headers.
    pub parameters: Vec<Value>,
    /// The schemas of the variable parts of its path, in their order.
    pub path: Vec<Value>,
    /// The body that it takes.
    pub body: Option<Value>,
    /// What is on each line of the body, if it is read line by line.
    pub line: Option<Value>,
    /// What it returns if all is well, by status.
    pub answers: BTreeMap<u16, Value>,
    /// Statuses of the refusals that come of what it takes.
    pub refusals: Vec<u16>,
    /// The schemas that have a name.
    pub schemas: BTreeMap<String, Value>,
}

impl OperationDescription {
    /// A reference to the schema of a type, which gets a name in the document.
    pub(super) fn schema<T: ToSchema>(&mut self) -> Value {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        for (name, schema) in found {
            let schema = serde_json::to_value(schema).unwrap_or_default();
            self.schemas.insert(name, schema);
        }
        json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
    }

    /// A reference to the schema of something that is taken.
    pub(super) fn taken<T: NamedSchema>(&mut self) -> Value {
        self.schemas.insert(T::NAME.to_owned(), T::schema());
        json!({ "$ref": format!("#/components/schemas/{}", T::NAME) })
    }

    /// It returns JSON.
    pub(super) fn json<T: ToSchema>(&mut self, status: u16) {
        let schema = self.schema::<T>();
        self.answer(status, "application/json", schema);
    }

    /// It returns something.
    pub(super) fn answer(&mut self, status: u16, media_type: &str, schema: Value) {
        let content = json!({ media_type: { "schema": schema } });
        self.answers.insert(status, json!({ "content": content }));
    }

    /// What it returns has this header.
    pub(super) fn header(&mut self, status: u16, name: &str, description: &str) {
        let header = json!({ "description": description, "schema": { "type": "string" } });
        if let Some(Value::Object(answer)) = self.answers.get_mut(&status) {
            let headers = answer.entry("headers").or_insert_with(|| json!({}));
            if let Some(headers) = headers.as_object_mut() {
                headers.insert(name.to_owned(), header);
            }
        }
    }
}

/// Something that a handler takes.
pub(super) trait Takes {
    /// Whether it reads the query. What nobody reads is refused.
    const ASKS: bool = false;

    /// Describes what it takes.
    fn describe(_: &mut OperationDescription) {}
}

/// Something that a handler returns.
pub(super) trait Answers {
    /// Describes what it returns.
    fn describe(described: &mut OperationDescription);
}

impl<T: Answers> Answers for Result<T, ProblemDetails> {
    fn describe(described: &mut OperationDescription) {
        T::describe(described);
    }
}

/// A handler whose arguments are `Args`.
pub(super) trait Handler<Args> {
    /// Whether it reads the query.
    const ASKS: bool;

    /// Describes what it takes and returns.
    fn describe(described: &mut OperationDescription);
}

macro_rules! handlers {
    ($(($($argument:ident)*))+) => {
        $(
            impl<F, Answer, $($argument,)*> Handler<($($argument,)*)> for F
            where
                F: Fn($($argument),*) -> Answer,
                Answer: Future<Output: Answers>,
                $($argument: Takes,)*
            {
                const ASKS: bool = false $(|| $argument::ASKS)*;

                fn describe(described: &mut OperationDescription) {
                    $($argument::describe(described);)*
                    Answer::Output::describe(described);
                }
            }
        )+
    };
}

handlers! {
    ()
    (A)
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
}

/// Describes what a handler takes and returns.
pub(super) fn describe<F: Handler<Args>, Args>(_: &F, described: &mut OperationDescription) {
    F::describe(described);
}

/// Whether a handler reads the query.
pub(super) const fn asks<F: Handler<Args>, Args>(_: &F) -> bool {
    F::ASKS
}
