//! docs/modules.md: the game in 20 lines is 20 lines, loads, and plays as the text says.

use super::*;

const HANDBOOK: &str = include_str!("../../../../docs/modules.md");

/// The first listing.
fn tutorial() -> &'static str {
    HANDBOOK.split("```lua\n").nth(1).and_then(|rest| rest.split("```").next()).expect("docs/modules.md has a listing")
}

#[test]
fn the_game_in_twenty_lines_is_one() {
    let source = tutorial();
    assert_eq!(source.lines().count(), 20);
    let mut bench = Bench::new(source);
    bench.join_all(1..=2);
    let mut dice = Dice(7);
    for _ in 0..60 {
        // Across the pond, somewhere else each time.
        let input = [dice.below(3) as f64 - 1.0, dice.below(3) as f64 - 1.0];
        for _ in 0..30 {
            bench.try_step(&[(1, &input), (2, &[1.0, 0.0])]).unwrap();
        }
    }
    let rows: Vec<usize> = bench.world.classes.iter().map(|rows| rows.len()).collect();
    assert_eq!(rows, [9, 2], "crumbs and ducks");
    let quacks = bench.messages().len();
    assert!(quacks > 0, "nobody found a crumb in a minute");
    let points = |number| {
        let state = bench.documents.get(&DocumentName::PlayerState(number));
        state.and_then(|state| state.get("points").u32()).unwrap_or(0)
    };
    assert_eq!((points(1) + points(2)) as usize, quacks);
}
