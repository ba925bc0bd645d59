-- Whether a player counts is never decided; the engine's own pcall is around it.
-- expect: overrun

return {
  first_phase = "a",
  phases = { a = { seconds = 3600, next = "a", done = function() while true do end end } },
  join = function(_, player) player:done() end,
}
