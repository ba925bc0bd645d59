-- Two phases that send each other away as soon as they are entered.
-- expect: error

return {
  first_phase = "a",
  phases = {
    a = { next = "b", enter = function(room) room:go "b" end },
    b = { next = "a", enter = function(room) room:go "a" end },
  },
}
