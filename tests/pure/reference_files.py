"""Configuration files as users of NextFace and NextGenFace have them, with every key of the reference."""

NEXTFACE = """\
#compute device
device = 'cuda' #'cuda' or 'cpu'

#tracker
lamdmarksDetectorType = 'mediapipe' # or 'fan (an open quote in a comment)

path = './baselMorphableModel'
textureResolution = 512
trimPca=False #keep a part of the modes

bands = 9
envMapRes = 64
smoothSh=False
saveExr=True

maxResolution = 512
camFocalLength = 3000.0 #pixels
optimizeFocalLength = True

iterStep1 = 2000 # coarse
iterStep2 = 400 #dense
iterStep3 = 100
weightLandmarksLossStep2 = 0.001
weightLandmarksLossStep3 = 0.001

weightShapeReg = 0.001
weightExpressionReg = 0.001
weightAlbedoReg = 0.001

weightDiffuseSymmetryReg = 300. #higher where shadows are hard
weightDiffuseConsistencyReg = 100.
weightDiffuseSmoothnessReg = 0.001

weightSpecularSymmetryReg = 200.
weightSpecularConsistencyReg = 2.
weightSpecularSmoothnessReg = 0.001

weightRoughnessSymmetryReg = 200.
weightRoughnessConsistencyReg = 0.
weightRoughnessSmoothnessReg = 0.002

debugFrequency = 0
saveIntermediateStage = False
verbose = False

rtSamples = 500
rtTrainingSamples = 8#no space before this comment
"""
NEXTGENFACE_DEFAULT = NEXTFACE.replace("'cuda' #'cuda' or 'cpu'", "'cpu'")
NEXTGENFACE_SHADOWS = (
    NEXTGENFACE_DEFAULT.replace("weightDiffuseSymmetryReg = 300.", "weightDiffuseSymmetryReg = 1200.")
    .replace("weightSpecularSymmetryReg = 200.", "weightSpecularSymmetryReg = 300.")
    .replace("weightRoughnessSymmetryReg = 200.", "weightRoughnessSymmetryReg = 300.")
    .replace("maxResolution = 512", "maxResolution = 256")
)
# Keys of the reference that came or went with its versions.
LATER = """\
debugOutput = True
saveTime = False
bounces = 2
smoothing = True
rendererName = redner
tracker = 'fan'
landmarksDetectorType = 'mediapipe'
"""
FILES = {
    "optimConfig.ini": NEXTFACE,
    "default.ini": NEXTGENFACE_DEFAULT,
    "shadows.ini": NEXTGENFACE_SHADOWS,
    "with a section.ini": "[settings]\n" + NEXTFACE,
    "mixed.ini": NEXTFACE + LATER + "fit_size = 300\n",
}
