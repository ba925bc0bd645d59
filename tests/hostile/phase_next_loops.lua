-- The way on is looked for for ever, behind a pcall.
-- expect: overrun

return {
  first_phase = "a",
  phases = { a = { seconds = 0.1, next = function() while true do pcall(function() while true do end end) end end } },
}
