-- sort in sort.
-- expect: error

local function f() table.sort({ 3, 2, 1 }, f) end
return { tick = function() f() end }
