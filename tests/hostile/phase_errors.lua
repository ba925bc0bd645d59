-- Every function of a phase fails.
-- expect: error

local function fail() error({}) end
return {
  first_phase = "a",
  phases = {
    a = { seconds = 0.1, next = fail, enter = fail, leave = fail, missed = fail, done = fail },
  },
}
