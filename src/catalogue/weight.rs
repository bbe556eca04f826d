//! How the costs of a schema's parts add up. It knows neither keywords nor the library.
//!
//! The sums bound what one value of an event can cost, not what the schema holds: of two fields'
//! schemas one value meets one, of two schemas under `allOf` it meets both. So the cost of an
//! event is at most the cost for a value times its values. One step is about a nanosecond.

/// Steps for one value, and for each byte of its text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// For the value.
    pub(super) value: u64,
    /// For each byte of a text, its name included.
    pub(super) text: u64,
}

impl Weight {
    pub(super) const fn new(value: u64, text: u64) -> Self {
        Self { value, text }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.value = self.value.saturating_add(other.value);
        self.text = self.text.saturating_add(other.text);
    }

    fn and(mut self, other: Self) -> Self {
        self.add(other);
        self
    }

    pub(super) fn most(self, other: Self) -> Self {
        Self::new(self.value.max(other.value), self.text.max(other.text))
    }
}

/// What one schema costs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weighed {
    /// Applying it, for the value that it is applied to.
    pub(super) apply: Weight,
    /// Applying it, for any one value inside of that.
    pub(super) below: Weight,
    /// Finding which fields or items it evaluated, for an `unevaluated…` around it.
    mark: Weight,
    mark_below: Weight,
    /// Schemas of which the compiled one is made.
    pub(super) nodes: u64,
    /// How many more an `unevaluated…` around it makes.
    marks: u64,
    /// Schemas inside one another, itself included.
    pub(super) height: usize,
    /// Of them `anyOf` and `oneOf`, which collect what is wrong with each branch.
    pub(super) choices: u64,
}

impl Weighed {
    /// The most that any one value costs.
    pub(super) fn most(&self) -> Weight {
        self.apply.most(self.below)
    }
}

/// What a schema without sub-schemas costs.
const PLAIN: Weight = Weight::new(40, 1);
/// What a member or an item costs that is looked for among those that were evaluated.
const MARKED: Weight = Weight::new(60, 2);

/// The sum of one schema's keywords.
#[derive(Default)]
pub(super) struct Sum {
    whole: Weighed,
    /// What each member may meet, and the most that one name adds.
    members: Weight,
    member: Weight,
    /// The same of items and places.
    items: Weight,
    item: Weight,
    unevaluated: bool,
}

impl Sum {
    pub(super) fn new() -> Self {
        let mut sum = Self::default();
        sum.whole.apply = PLAIN;
        sum.whole.nodes = 1;
        sum.whole.height = 1;
        sum
    }

    /// A keyword without schemas.
    pub(super) fn own(&mut self, weight: Weight) {
        self.whole.apply.add(weight);
    }

    /// What each value inside costs, however deep.
    pub(super) fn deep(&mut self, weight: Weight) {
        self.whole.below.add(weight);
    }

    /// What each member costs by its name alone, whether it is validated or marked.
    pub(super) fn name(&mut self, weight: Weight) {
        self.members.add(weight);
        self.whole.mark_below.add(weight);
    }

    /// A schema for the same value: it, and what is below it, come on top.
    pub(super) fn same(&mut self, part: &Weighed, how: Marking) {
        self.holds(part);
        self.whole.apply.add(part.apply);
        self.whole.below.add(part.below);
        if how == Marking::None {
            return;
        }
        self.whole.mark.add(part.mark);
        self.whole.mark_below.add(part.mark_below);
        self.whole.marks = (self.whole.marks.saturating_add(1)).saturating_add(part.marks);
        if how == Marking::IfItFits {
            self.whole.mark.add(part.apply);
            self.whole.mark_below.add(part.below);
        }
    }

    /// One more of `anyOf` and `oneOf` inside one another.
    pub(super) fn choose(&mut self) {
        self.whole.choices += 1;
    }

    /// A schema for members of any name.
    pub(super) fn any_member(&mut self, part: &Weighed) {
        self.holds(part);
        self.members.add(part.most());
    }

    /// A schema for the member of one name.
    pub(super) fn one_member(&mut self, part: &Weighed) {
        self.holds(part);
        self.member = self.member.most(part.most());
    }

    /// A schema for items at any place.
    pub(super) fn any_item(&mut self, part: &Weighed) {
        self.holds(part);
        self.items.add(part.most());
    }

    /// A schema for the item at one place.
    pub(super) fn one_item(&mut self, part: &Weighed) {
        self.holds(part);
        self.item = self.item.most(part.most());
    }

    /// A schema that is also applied to find out what was evaluated.
    pub(super) fn marks_with(&mut self, part: &Weighed) {
        self.whole.mark_below.add(part.most());
    }

    /// What is left over is looked for.
    pub(super) fn unevaluated(&mut self) {
        self.unevaluated = true;
    }

    fn holds(&mut self, part: &Weighed) {
        self.whole.nodes = self.whole.nodes.saturating_add(part.nodes);
        self.whole.height = self.whole.height.max(part.height + 1);
        self.whole.choices = self.whole.choices.max(part.choices);
    }

    /// What it comes to so far.
    pub(super) fn total(&self) -> Weighed {
        let members = self.members.and(self.member);
        let items = self.items.and(self.item);
        let mut whole = self.whole;
        whole.mark.add(PLAIN);
        whole.mark_below.add(MARKED);
        whole.below.add(members.most(items));
        if self.unevaluated {
            whole.apply.add(whole.mark);
            whole.below.add(whole.mark_below);
            whole.nodes = whole.nodes.saturating_add(whole.marks);
        }
        whole
    }
}

/// What a schema for the same value adds for an `unevaluated…` beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marking {
    /// Nothing.
    None,
    /// What it evaluated.
    Always,
    /// The same, after it was applied once more.
    IfItFits,
}
