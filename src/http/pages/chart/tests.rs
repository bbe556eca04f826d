//! What charts say, and how much they take.

use super::*;

fn plot<'a>(reader: &'a PageReader, count: i64, marks: &'a [Mark]) -> Plot<'a> {
    let times = (0..count).map(|place| reader.now + Duration::minutes(place - count));
    Plot {
        title: "Deliveries",
        reader,
        times: times.collect(),
        step: Duration::minutes(1),
        marks,
    }
}

fn reader() -> PageReader {
    PageReader {
        zone: chrono_tz::Europe::Berlin,
        now: "2026-11-22T12:00:00Z".parse().unwrap(),
    }
}

#[test]
fn a_chart_of_sixty_points_tells_every_value_twice_and_stays_small() {
    let counts = |offset: u32| (0..60).map(|place| place * 1_000 + offset).collect();
    let stacks = [
        BarStack {
            name: "Sent",
            class: "sent",
            counts: counts(7),
        },
        BarStack {
            name: "Errors",
            class: "error",
            counts: counts(3),
        },
    ];
    let text = bars(&plot(&reader(), 60, &[]), &stacks).into_string();
    assert!(text.len() < 14 << 10, "{} bytes", text.len());
    assert_eq!(text.matches("59,007").count(), 2);
    // In the reader's zone.
    assert!(text.contains("12:00 to 13:00"), "{text}");
    assert!(!text.contains("style="));
}

#[test]
fn a_small_chart_shows_what_happened_at_all_and_says_it_in_words() {
    let mut points = vec![SparkPoint { sent: 0, errors: 0 }; 24];
    assert!(
        spark(&points)
            .into_string()
            .contains("Last 24 hours: nothing")
    );
    points[3] = SparkPoint {
        sent: 100_000,
        errors: 1,
    };
    let text = spark(&points).into_string();
    assert!(text.contains("100,000 sent, 1 error"), "{text}");
    assert!(text.contains("M12 2v-2h3v2z"), "{text}");
    assert!(text.len() < 700);
}

#[test]
fn lines_have_gaps_where_there_is_nothing_and_labels_that_do_not_meet() {
    let curves = [
        Curve {
            name: "p50",
            values: vec![Some(10.0), None, Some(11.0), Some(12.0)],
        },
        Curve {
            name: "p99",
            values: vec![Some(10.0), None, Some(12.0), Some(13.0)],
        },
    ];
    let text = lines(
        &plot(&reader(), 4, &[]),
        &curves,
        Some(20.0),
        number::millis,
    )
    .into_string();
    assert!(text.contains("M1 50h8M25 45L35 40"), "{text}");
    assert!(text.contains("y-40") && text.contains("y-22"), "{text}");
    assert!(text.contains("p99 at the end 13 ms"), "{text}");
}

#[test]
fn scales_end_at_round_numbers() {
    let ends = [0.0, 0.4, 1.0, 3.0, 20.0, 21.0, 77.0, 1_001.0].map(rounded_up);
    assert_eq!(ends, [1.0, 1.0, 1.0, 3.0, 20.0, 25.0, 80.0, 1_500.0]);
}

#[test]
fn a_mark_stands_at_its_time_with_its_words_and_others_are_left_out() {
    let reader = reader();
    let mark = |minutes, text: &str| Mark {
        at: reader.now - Duration::minutes(minutes),
        text: text.to_owned(),
    };
    let marks = [mark(2, "Paused by <b>ann</b>"), mark(9, "Changed")];
    let stacks = [BarStack {
        name: "Sent",
        class: "sent",
        counts: vec![1; 4],
    }];
    let text = bars(&plot(&reader, 4, &marks), &stacks).into_string();
    assert!(text.contains("M25 0v100"), "{text}");
    assert!(text.contains("Paused by &lt;b&gt;ann&lt;/b&gt;"), "{text}");
    assert!(!text.contains("Changed"), "{text}");
}
