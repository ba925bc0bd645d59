-- Asks for another phase a thousand times a tick, for one that is not there too, and writes over what tells of it.
-- expect: harmless or error or overrun

return {
  first_phase = "a", phases = { a = { next = "b" }, b = { next = "a" } },
  tick = function(room)
    for i = 1, 1000 do room:go(i % 2 == 0 and "a" or "b") pcall(room.go, room, "c") end
    room.state.phase = nil
    rawset(room.state, "phase", { name = "c", done = room.state })
  end,
}
