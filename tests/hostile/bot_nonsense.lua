-- Bots that answer with wrong kinds, wrong names, no numbers and things that raise when they are read.
-- expect: error

local trap = setmetatable({}, { __index = function() error "read" end })
local answers = { 5, "left", { left = 0 / 0 }, { nothing = 1 }, { left = {} }, { left = 1e308, fire = -5 }, { fire = "yes" }, trap }
return {
  bots = 3, inputs = { left = field.number(-1, 1, 1 / 64), fire = field.press() },
  bot = function(room) return answers[1 + room.tick % #answers] end,
}
