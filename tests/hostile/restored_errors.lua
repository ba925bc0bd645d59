-- Told that it was restored, a module fails, and its memory is gone.
-- expect: overrun

return {
  restored = function(room) for key in pairs(room.memory) do room.memory[key] = nil end error "no thanks" end,
  tick = function(room) if room.tick == 45 then while true do end end end,
}
