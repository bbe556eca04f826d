//! A large stack for scripts. Rhai walks, copies and frees nested values by recursion, with no
//! bound but the size limits: a script that wraps an array in an array for fifty milliseconds
//! makes one that overruns the 2 MiB of an ordinary thread, and that ends the process. The
//! space is only reserved; the system gives memory to the pages that are touched.

use std::cell::RefCell;

use corosensei::stack::DefaultStack;

/// Tried in this order. The first holds more levels than `Limits` lets a value have.
const SIZES: [usize; 3] = [256 << 20, 64 << 20, 16 << 20];

/// One stack, for one thread, used again for each run.
pub(super) struct Stack(RefCell<Option<DefaultStack>>);

impl Stack {
    pub(super) fn new() -> Self {
        let stack = SIZES.iter().find_map(|size| DefaultStack::new(*size).ok());
        if stack.is_none() {
            tracing::warn!("no address space for the plugins' stack: they run on the thread's own");
        }
        Self(RefCell::new(stack))
    }

    /// Calls `job` on the stack; a panic goes on to the caller.
    pub(super) fn run<R>(&self, job: impl FnOnce() -> R) -> R {
        match self.0.try_borrow_mut() {
            Ok(mut free) => match free.as_mut() {
                Some(stack) => corosensei::on_stack(stack, job),
                None => job(),
            },
            // We are on it already.
            Err(_) => job(),
        }
    }
}
