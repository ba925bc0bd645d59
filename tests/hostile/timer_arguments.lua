-- Timers with every wrong argument.
-- expect: error

return {
  timers = { ring = function() end },
  tick = function(room)
    for _, seconds in ipairs { -1, 0 / 0, 1 / 0, "1", {} } do pcall(room.after, room, seconds, "ring") end
    pcall(room.after, room, 1, "nothing") pcall(room.after, room, 1, {}) pcall(room.after, nil)
    room:after(1e300, "ring", room, print)
    room:after(1 / 0, "ring")
  end,
}
