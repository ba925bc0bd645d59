-- The example runs the module's own step: the file is the module's, and does what the server's vectors say.

local support = require "test.core.support"

local MODULE = (os.getenv("AIRBOAT_GOLDEN") or "../../tests/golden") .. "/../../modules/warbattles/shared/"

local tests = {}

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function tests.the_file_is_the_modules()
  assert(read("example/warbattles/shared/step.lua") == read(MODULE .. "step.lua"), "run: make defold-step")
end

local function close(got, wanted, what)
  if type(wanted) == "number" then return support.close(got, wanted, 1e-12 * math.max(1, math.abs(wanted)), what) end
  if type(wanted) ~= "table" then return support.equal(got, wanted, what) end
  for key, value in pairs(wanted) do close(got[key], value, what .. "." .. tostring(key)) end
end

function tests.it_does_what_the_server_does()
  local step = require "example.warbattles.shared.step"
  local count = 0
  for name, vectors in pairs(support.vectors(MODULE .. "step.vectors.json")) do
    for i, vector in ipairs(vectors) do
      local arguments = vector.arguments
      local returns = { step[name](unpack(arguments)) }
      close(arguments, vector.after, name .. " " .. i)
      close(returns, vector.returns, name .. " " .. i)
      count = count + 1
    end
  end
  assert(count > 50, count)
end

support.run(tests)
