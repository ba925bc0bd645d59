-- `next` answers with things that are no phases, `done` with things that are no answers.
-- expect: error or overrun

local answers = { 5, {}, "nowhere", print, ("x"):rep(100000), setmetatable({}, { __tostring = function() while true do end end }) }
local at = 0
return {
  first_phase = "a",
  phases = {
    a = {
      seconds = 0.1, done = function() return answers[1 + at % 6] end,
      next = function() at = at + 1 return answers[1 + at % 5] end,
    },
  },
}
