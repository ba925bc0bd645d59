-- Runs the specs in this interpreter: `luajit run.lua [--only TEXT] SPEC…`, from this folder. `run` starts it.

local harness = require "harness"

local options = {
  root = assert(os.getenv("AIRBOAT_DEFOLD"), "AIRBOAT_DEFOLD names the project"), binary = os.getenv("AIRBOAT_BIN"),
  modules = os.getenv("AIRBOAT_MODULES"), scratch = assert(os.getenv("AIRBOAT_SCRATCH"), "AIRBOAT_SCRATCH names a folder for files"),
  seed = tonumber(os.getenv("AIRBOAT_SEED")) or os.time() % 100000, soak = os.getenv("AIRBOAT_SOAK") == "1",
  chromium = os.getenv("CHROMIUM") or "/usr/bin/chromium",
}
harness.options = options

-- Every global name that the engine has.
function options.engine_names()
  local app = require("engine.app").new { profile = "html5", root = options.root, home = options.scratch, seed = 1 }
  local names = { websocket = true, html5 = true }
  for name in pairs(app.globals) do names[name] = true end
  for name in ("camera collectionfactory collectionproxy crash image model physics profiler push render resource tilesource vmath"):gmatch("%S+") do
    names[name] = true
  end
  return names
end

local specs = {}
local n = 1
while arg[n] do
  if arg[n] == "--only" then
    n = n + 1
    options.only = arg[n]
  else
    specs[#specs + 1] = arg[n]
  end
  n = n + 1
end

for _, spec in ipairs(specs) do require("specs." .. spec)(harness) end
print(("%s, seed %d"):format(jit and jit.version or _VERSION, options.seed))
local fine, passed, failed = pcall(harness.run, options)
harness.end_processes()
if not fine then error(passed, 0) end
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and passed > 0 and 0 or 1)
