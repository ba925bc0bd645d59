-- A thousand timers in one tick, each within its own budget.
-- expect: overrun

local game = { timers = {} }
function game.timers.work() local n = 0 for i = 1, 1e6 do n = n + i % 7 end return n end
function game.tick(room) if room.tick == 10 then for _ = 1, 2000 do room:after(1, "work") end end end
return game
