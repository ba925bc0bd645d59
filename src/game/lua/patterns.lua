-- string.find, match, gmatch and gsub, as modules have them.
--
-- Patterns run inside C, where nothing can stop them. A pattern's worst case grows with the subject's length to the
-- power of its quantifiers that can be retried (and once more unless it is anchored); that product is capped.

local trusted, native, deeper, left = ...
local fail, limits = trusted.fail, trusted.limits
local type, tostring = type, tostring
local byte, sub = string.byte, string.sub

local patterns = {}

local SUBJECT_MAX = { [0] = 262144, 262144, 6300, 490, 150, 75, 50, 40, 30 }
local costs, cost_count = {}, 0

local function measure(pattern)
  local quantifiers, at, length, in_sets = 0, 1, #pattern, 0
  local anchored = byte(pattern, 1) == 94
  if anchored then at = 2 end
  while at <= length do
    local c = byte(pattern, at)
    if c == 37 then -- %x, %bxy, %f[set]
      local class = byte(pattern, at + 1)
      if class == 98 then at, quantifiers = at + 2, quantifiers + 1 end
      at = at + 2
    elseif c == 91 then -- [set]
      local opened = at
      at = at + 1
      if byte(pattern, at) == 94 then at = at + 1 end
      repeat -- the first character may be "]" itself
        if byte(pattern, at) == 37 then at = at + 1 end
        at = at + 1
      until at > length or byte(pattern, at) == 93
      at = at + 1
      in_sets = in_sets + at - opened
    else
      at = at + 1
    end
    local q = byte(pattern, at)
    if q == 42 or q == 43 or q == 45 or q == 63 then -- * + - ?
      at = at + 1
      -- A greedy one with only closing brackets behind it is never retried.
      local last = not native.find(sub(pattern, at), "[^)]")
      if not (last and q ~= 45) then quantifiers = quantifiers + 1 end
    end
  end
  -- A set is searched for every character; long ones count as one power more.
  return quantifiers + (in_sets > 40 and 1 or 0), anchored
end

local function check_pattern(name, subject, pattern, may_anchor)
  if type(subject) == "number" then subject = tostring(subject) end
  if type(pattern) ~= "string" or type(subject) ~= "string" then return end -- the library says what is wrong
  local cost = costs[pattern]
  if not cost then
    if #pattern > limits.pattern then
      fail("string.%s: a pattern of %d characters is over the limit of %d", name, #pattern, limits.pattern)
    end
    local quantifiers, anchored = measure(pattern)
    cost = { quantifiers = quantifiers, anchored = anchored }
    if cost_count >= 256 then costs, cost_count = {}, 0 end
    costs[pattern], cost_count = cost, cost_count + 1
  end
  local power = cost.quantifiers + ((cost.anchored and may_anchor) and 0 or 1)
  if #subject > (SUBJECT_MAX[power] or 0) then
    fail("string.%s: the pattern %q could take too long on %d characters", name, pattern, #subject)
  end
end

function patterns.find(subject, pattern, init, plain)
  if not plain then
    check_pattern("find", subject, pattern, true)
  elseif #tostring(subject) * #tostring(pattern) > limits.plain then
    fail("string.find: %d characters in %d could take too long", #tostring(pattern), #tostring(subject))
  end
  return native.find(subject, pattern, init, plain)
end
function patterns.match(subject, pattern, init)
  check_pattern("match", subject, pattern, true)
  return native.match(subject, pattern, init)
end
function patterns.gmatch(subject, pattern)
  check_pattern("gmatch", subject, pattern, false)
  return native.gmatch(subject, pattern)
end
function patterns.gsub(subject, pattern, with, count)
  check_pattern("gsub", subject, pattern, true)
  deeper()
  return left(native.gsub(subject, pattern, with, count))
end

return patterns
