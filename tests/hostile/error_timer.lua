-- Fails at every timer.
-- expect: error

local game = { timers = {} }
function game.timers.ring(room) room:after(0.1, "ring") error "ring" end
function game.open(room) room:after(0.1, "ring") end
return game
