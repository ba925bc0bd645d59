-- What a late player has missed takes for ever.
-- expect: overrun

return {
  first_phase = "a",
  phases = { a = { seconds = 0.1, next = "a", done = "all", missed = function() while true do end end } },
}
