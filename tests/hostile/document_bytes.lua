-- Keys and texts that are no text.
-- expect: error or harmless or overrun

return {
  tick = function(room)
    room.state["\255\254"] = "\0\27\255"
    room.state[""] = ("\240"):rep(100)
    room.state[("k"):rep(5000)] = room.tick
  end,
}
