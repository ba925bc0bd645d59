-- Each timer makes two.
-- expect: error or overrun

local game = { timers = {} }
function game.timers.ring(room) room:after(0, "ring") room:after(0, "ring") end
function game.open(room) room:after(0, "ring") end
return game
