-- Told that it was restored, a module never comes back; it took an overrun to get there.
-- expect: overrun

return {
  restored = function() while true do end end,
  tick = function(room) if room.tick == 45 then while true do end end end,
}
