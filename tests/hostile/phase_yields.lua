-- Every function of a phase yields into the engine.
-- expect: error

local yield = coroutine.yield
return {
  first_phase = "a",
  phases = { a = { seconds = 0.1, next = yield, enter = yield, leave = yield, missed = yield, done = yield } },
}
