//! Sorting and comparing neighbours. Rhai's own functions ignore what goes wrong in the function
//! that compares, the end of the budget included, and go on to the end of the array.

use std::cmp::Ordering;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, FnPtr, NativeCallContext};

use super::{Budget, Fallible, fail, over};

/// Comparisons between two looks at the budget.
const COMPARISONS_BETWEEN_LOOKS: usize = 64;

pub(super) fn register(engine: &mut Engine, budget: &Rc<Budget>) {
    for name in ["sort", "sort_by"] {
        engine.register_fn(
            name,
            |ctx: NativeCallContext, array: &mut Array, by: FnPtr| sort(array, &ctx, &by),
        );
    }
    for name in ["order", "order_by"] {
        engine.register_fn(
            name,
            |ctx: NativeCallContext, mut array: Array, by: FnPtr| {
                sort(&mut array, &ctx, &by)?;
                Ok::<_, Box<rhai::EvalAltResult>>(array)
            },
        );
    }
    engine.register_fn(
        "dedup",
        |ctx: NativeCallContext, array: &mut Array, same: FnPtr| {
            dedup(array, |left, right| {
                let result = same.call_raw(&ctx, None, [left.clone(), right.clone()])?;
                Ok(result.as_bool().unwrap_or(false))
            })
        },
    );
    let account = Rc::clone(budget);
    engine.register_fn("dedup", move |ctx: NativeCallContext, array: &mut Array| {
        let mut compared = 0_usize;
        dedup(array, |left, right| {
            compared += 1;
            if compared.is_multiple_of(COMPARISONS_BETWEEN_LOOKS) {
                account.check().or_else(over)?;
            }
            let (mut left, mut right) = (left.clone(), right.clone());
            let same = ctx.call_native_fn_raw("==", true, &mut [&mut left, &mut right]);
            Ok(same.ok().and_then(|it| it.as_bool().ok()).unwrap_or(false))
        })
    });
}

/// A merge sort: stable, and it can be left in the middle. Then the array is as it was.
fn sort(array: &mut Array, ctx: &NativeCallContext, by: &FnPtr) -> Fallible<()> {
    let mut order: Vec<usize> = (0..array.len()).collect();
    let mut merged = Vec::with_capacity(order.len());
    let mut width = 1;
    while width < order.len() {
        for pair in order.chunks(2 * width) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let (Some((l, left_rest)), Some((r, right_rest))) =
                (left.split_first(), right.split_first())
            {
                if compare(array.get(*l), array.get(*r), ctx, by)? == Ordering::Greater {
                    merged.push(*r);
                    right = right_rest;
                } else {
                    merged.push(*l);
                    left = left_rest;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(&mut order, &mut merged);
        merged.clear();
        width *= 2;
    }
    let mut values: Vec<Option<Dynamic>> = array.drain(..).map(Some).collect();
    let sorted = order
        .iter()
        .filter_map(|place| values.get_mut(*place)?.take());
    array.extend(sorted);
    Ok(())
}

fn compare(
    left: Option<&Dynamic>,
    right: Option<&Dynamic>,
    ctx: &NativeCallContext,
    by: &FnPtr,
) -> Fallible<Ordering> {
    let (Some(left), Some(right)) = (left, right) else {
        return Ok(Ordering::Equal);
    };
    let result = by.call_raw(ctx, None, [left.clone(), right.clone()])?;
    if let Ok(number) = result.as_int() {
        return Ok(number.cmp(&0));
    }
    match result.as_bool() {
        Ok(true) => Ok(Ordering::Less),
        Ok(false) => Ok(Ordering::Greater),
        Err(_) => fail("the function that sorts should give back a whole number, true or false"),
    }
}

/// Takes away what is the same as the one before it.
fn dedup(
    array: &mut Array,
    mut same: impl FnMut(&Dynamic, &Dynamic) -> Fallible<bool>,
) -> Fallible<()> {
    let mut kept: Vec<usize> = Vec::new();
    let mut last: Option<&Dynamic> = None;
    for (place, value) in array.iter().enumerate() {
        let is_same = match last {
            Some(last) => same(last, value)?,
            None => false,
        };
        if !is_same {
            kept.push(place);
            last = Some(value);
        }
    }
    let mut kept = kept.into_iter().peekable();
    let mut place = 0;
    array.retain(|_| {
        let stays = kept.next_if_eq(&place).is_some();
        place += 1;
        stays
    });
    Ok(())
}
