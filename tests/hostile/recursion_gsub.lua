-- gsub in gsub: nine kilobytes of C stack each.
-- expect: error

local function f() return (("x"):gsub("x", f)) end
return { tick = function() f() end }
