-- The pacing law, held to tests/golden/pacing.json: one caller after the other, to the last bit but rounding.

local pacer = require "airboat.pacer"
local support = require "test.core.support"

local tests = {}

function tests.the_law_is_the_one_of_the_vectors()
  local runs = support.golden("pacing.json").runs
  assert(#runs > 0)
  for r, run in ipairs(runs) do
    local paced = pacer.new(run.period_ms)
    assert(#run.calls > 50)
    for i, call in ipairs(run.calls) do
      local what = ("run %d (%s), call %d"):format(r, tostring(run.name), i)
      if call[1] == "next" then
        support.close(paced:next(call[2], call[3]), call[4], 1e-6, what)
      else
        paced:note(call[2], call[3])
        support.close(paced:aim(), call[4], 1e-6, what)
      end
    end
  end
end

support.run(tests)
