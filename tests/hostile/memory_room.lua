-- room.memory grows until nothing is left.
-- expect: memory or overrun

return {
  tick = function(room)
    local kept = room.memory
    for i = 1, 4 do kept[room.tick * 4 + i] = ("m"):rep(5e5) .. room.tick .. i end
  end,
}
