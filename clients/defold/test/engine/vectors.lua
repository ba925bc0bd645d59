-- vmath: as much of it as a network library and small games touch.

local values = setmetatable({}, { __mode = "k" })

local function kind_of(value) return values[value] and values[value].kind end

local make

local function each(a, b, fn)
  local x, y = values[a], values[b]
  if not x or not y or x.kind ~= y.kind then error("vectors of one kind expected", 3) end
  return make(x.kind, fn(x.x, y.x), fn(x.y, y.y), fn(x.z, y.z), x.w and fn(x.w, y.w))
end

local function scaled(v, n)
  v = values[v]
  return make(v.kind, v.x * n, v.y * n, v.z * n, v.w and v.w * n)
end

local function times(a, b)
  if type(b) == "number" then return scaled(a, b) end
  if type(a) == "number" then return scaled(b, a) end
  if kind_of(a) ~= "quat" or kind_of(b) ~= "quat" then error("attempt to multiply vectors", 2) end
  local p, q = values[a], values[b]
  return make("quat", p.w * q.x + p.x * q.w + p.y * q.z - p.z * q.y, p.w * q.y - p.x * q.z + p.y * q.w + p.z * q.x,
    p.w * q.z + p.x * q.y - p.y * q.x + p.z * q.w, p.w * q.w - p.x * q.x - p.y * q.y - p.z * q.z)
end

local function same_vector(a, b)
  local m, n = values[a], values[b]
  return m.kind == n.kind and m.x == n.x and m.y == n.y and m.z == n.z and m.w == n.w
end

function make(kind, x, y, z, w)
  local value = newproxy(true)
  local fields = { kind = kind, x = x, y = y, z = z, w = w }
  local meta = getmetatable(value)
  meta.__index = function(_, key)
    if key == "kind" or fields[key] == nil then error("no field '" .. tostring(key) .. "' in a vector", 2) end
    return fields[key]
  end
  meta.__newindex = function(_, key, number)
    if key == "kind" or fields[key] == nil or type(number) ~= "number" then error("bad component '" .. tostring(key) .. "'", 2) end
    fields[key] = number
  end
  meta.__add = function(a, b) return each(a, b, function(m, n) return m + n end) end
  meta.__sub = function(a, b) return each(a, b, function(m, n) return m - n end) end
  meta.__mul = times
  meta.__unm = function(a) return scaled(a, -1) end
  meta.__eq = same_vector
  meta.__tostring = function() return "vmath." .. kind .. "(" .. table.concat({ x, y, z, w }, ", ") .. ")" end
  meta.__metatable = false
  values[value] = fields
  return value
end

local function number(value, name)
  if type(value) ~= "number" then error("bad argument to '" .. name .. "' (number expected, got " .. type(value) .. ")", 3) end
  return value
end

local function dot(a, b)
  a, b = values[a], values[b]
  return a.x * b.x + a.y * b.y + a.z * b.z + (a.w and a.w * b.w or 0)
end

local function lerp(t, a, b)
  if type(a) == "number" then return a + (b - a) * t end
  return each(a, b, function(m, n) return m + (n - m) * t end)
end

local function slerp(t, a, b)
  local d = dot(a, b)
  if kind_of(a) == "quat" and d < 0 then b, d = scaled(b, -1), -d end
  if d > 0.9995 then return lerp(t, a, b) end
  local angle = math.acos(d)
  local m, n = math.sin((1 - t) * angle) / math.sin(angle), math.sin(t * angle) / math.sin(angle)
  return each(a, b, function(x, y) return x * m + y * n end)
end

local function install(environment)
  local api = { lerp = lerp, slerp = slerp, dot = dot }
  function api.vector3(x, y, z)
    if kind_of(x) then return make("vector3", values[x].x, values[x].y, values[x].z) end
    if x == nil then return make("vector3", 0, 0, 0) end
    if y == nil then return make("vector3", x, x, x) end
    return make("vector3", number(x, "vector3"), number(y, "vector3"), number(z, "vector3"))
  end
  function api.vector4(x, y, z, w)
    if x == nil then return make("vector4", 0, 0, 0, 0) end
    return make("vector4", number(x, "vector4"), number(y, "vector4"), number(z, "vector4"), number(w, "vector4"))
  end
  function api.quat(x, y, z, w)
    if x == nil then return make("quat", 0, 0, 0, 1) end
    return make("quat", number(x, "quat"), number(y, "quat"), number(z, "quat"), number(w, "quat"))
  end
  function api.quat_rotation_z(angle) return make("quat", 0, 0, math.sin(number(angle, "quat_rotation_z") / 2), math.cos(angle / 2)) end
  function api.length(v) return math.sqrt(dot(v, v)) end
  function api.length_sqr(v) return dot(v, v) end
  function api.normalize(v) return scaled(v, 1 / math.sqrt(dot(v, v))) end
  environment.vmath = api
end

return { install = install }
