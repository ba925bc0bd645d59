-- Told that a player plays now who came late, a module never comes back.
-- expect: overrun

return {
  late = "next_round", first_phase = "a",
  phases = { a = { seconds = 0.1, next = "b" }, b = { seconds = 3600, next = "a" } },
  kind = function() while true do end end,
  tick = function(room) for _ in room:players("spectator") do room:go("a") end end,
}
