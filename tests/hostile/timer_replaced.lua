-- Takes its own timers, messages and callbacks away while they wait.
-- expect: harmless or error

local game = { timers = { ring = function() end }, messages = { go = function() end } }
function game.open(room) for i = 1, 50 do room:after(i / 10, "ring") end end
function game.tick(room)
  if room.tick == 5 then game.timers = 7 end
  if room.tick == 9 then game.timers = { ring = "text" } end
  if room.tick == 15 then game.messages = nil end
  if room.tick == 20 then game.tick = {} end
end
return game
