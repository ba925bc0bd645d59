-- field: the kinds that a module declares its entities and inputs with. Only what is made here passes for one.

local _, trusted, run = ...
local fail = trusted.fail
local type, ipairs, huge = type, ipairs, math.huge
local fields, kinds = run.field_values, run.kinds

local function kind(made)
  kinds[made] = true
  return made
end

local function is_number(v) return type(v) == "number" and v == v and v ~= huge and v ~= -huge end

function fields.number(min, max, step)
  if step == nil then step = 1 end
  if not (is_number(min) and is_number(max) and is_number(step)) then
    fail("field.number(min, max, step) takes three numbers")
  end
  return kind { kind = "number", min = min, max = max, step = step }
end

function fields.angle() return kind { kind = "angle" } end

function fields.flag() return kind { kind = "flag" } end

function fields.choice(names)
  if type(names) ~= "table" then fail('field.choice takes a list of names: field.choice { "red", "blue" }') end
  local made, seen = { kind = "choice" }, {}
  for i, name in ipairs(names) do
    if type(name) ~= "string" or seen[name] then fail("field.choice takes a list of different names") end
    made[i], seen[name] = name, true
  end
  return kind(made)
end

function fields.press() return kind { kind = "press" } end

return fields
