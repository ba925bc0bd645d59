-- Captures nested as deep as they go, on a long text.
-- expect: error

return { tick = function() return (("a"):rep(200000):match(("("):rep(40) .. "a*" .. (")"):rep(40) .. "b")) end }
