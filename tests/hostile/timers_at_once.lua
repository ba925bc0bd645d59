-- As many timers as there can be, all due in one tick, each of which sets the next.
-- expect: error or overrun

return {
  timers = { ring = function(room) room:after(0.1, "ring") room:after(0.1, "ring") end },
  tick = function(room) for _ = 1, 2000 do room:after(0.1, "ring") end end,
}
